//! The words of an RTF letter (Rich Text Format 1.9.1), without its looks. Tolerant: what is not understood is passed over,
//! and what is never closed ends with the file. Pure, once through the bytes, no deeper than a counter.

/// Groups inside one another whose settings are told apart; deeper ones share the deepest's.
const DEPTH_MAX: usize = 256;
/// The longest name of a control word (RTF 1.9.1, "Control word": 32 letters).
const NAME_BYTES_MAX: usize = 32;

/// Destinations that hold no words of the letter. Others with `\*` are passed over as the specification says.
const UNREAD: [&str; 22] = [
    "fonttbl",
    "colortbl",
    "stylesheet",
    "info",
    "pict",
    "object",
    "objdata",
    "themedata",
    "colorschememapping",
    "datastore",
    "generator",
    "listtable",
    "listoverridetable",
    "rsidtbl",
    "revtbl",
    "filetbl",
    "xmlnstbl",
    "fldinst",
    "bkmkstart",
    "bkmkend",
    "latentstyles",
    "private",
];

#[derive(Clone, Copy)]
struct Group {
    /// Whether its words are passed over.
    unread: bool,
    /// How many bytes stand for a `\u` where Unicode is not known (`\ucN`).
    instead: usize,
}

/// The words of an RTF file.
pub fn words(bytes: &[u8]) -> String {
    let mut reader = Reader {
        bytes,
        at: 0,
        text: String::with_capacity(bytes.len() / 4),
        groups: vec![Group { unread: false, instead: 1 }],
        deeper: 0,
        skip: 0,
        high: None,
    };
    reader.read();
    reader.text
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    text: String,
    groups: Vec<Group>,
    /// Groups open below the deepest that is told apart.
    deeper: usize,
    /// Characters still to pass over after a `\u`.
    skip: usize,
    /// The first half of a letter beyond the basic plane.
    high: Option<u16>,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn group(&self) -> Group {
        self.groups.last().copied().unwrap_or(Group { unread: false, instead: 1 })
    }

    fn read(&mut self) {
        while let Some(byte) = self.next() {
            match byte {
                b'{' if self.groups.len() >= DEPTH_MAX => self.deeper += 1,
                b'{' => {
                    self.groups.push(self.group());
                    self.skip = 0;
                }
                b'}' if self.deeper > 0 => self.deeper -= 1,
                b'}' => {
                    if self.groups.len() > 1 {
                        self.groups.pop();
                    }
                    self.skip = 0;
                }
                b'\\' => self.control(),
                b'\r' | b'\n' | 0 => {}
                byte => self.byte(byte),
            }
        }
    }

    /// A byte in the letter's code page. Windows-1252, which UK letters are written in; others' letters beyond ASCII come as
    /// `\u` from any program of this century.
    fn byte(&mut self, byte: u8) {
        const FROM_0X80: [char; 32] = [
            '€', '\u{fffd}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{fffd}', 'Ž', '\u{fffd}',
            '\u{fffd}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{fffd}', 'ž', 'Ÿ',
        ];
        let letter = match byte {
            0x80..=0x9f => FROM_0X80.get(usize::from(byte - 0x80)).copied().unwrap_or('\u{fffd}'),
            other => char::from(other),
        };
        self.put(letter);
    }

    fn put(&mut self, letter: char) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if !self.group().unread {
            self.text.push(letter);
        }
    }

    fn control(&mut self) {
        let Some(first) = self.next() else { return };
        if first.is_ascii_alphabetic() {
            self.at -= 1;
            return self.word();
        }
        match first {
            b'\'' => {
                let digits = self.bytes.get(self.at..self.at + 2).and_then(|pair| std::str::from_utf8(pair).ok());
                if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    self.at += 2;
                    self.byte(byte);
                }
            }
            b'*' => self.pass_over(),
            b'~' => self.put(' '),
            b'_' => self.put('-'),
            // A place where a word may be parted does not part it.
            b'-' => {}
            b'\r' | b'\n' => self.put('\n'),
            b'\\' | b'{' | b'}' => self.put(char::from(first)),
            _ => {}
        }
    }

    fn pass_over(&mut self) {
        if let Some(group) = self.groups.last_mut() {
            group.unread = true;
        }
    }

    fn word(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let letters = rest.iter().take(NAME_BYTES_MAX).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let name = std::str::from_utf8(rest.get(..letters).unwrap_or_default()).unwrap_or_default();
        let minus = usize::from(rest.get(letters) == Some(&b'-'));
        let digits = rest.iter().skip(letters + minus).take(10).take_while(|byte| byte.is_ascii_digit()).count();
        let number = match digits {
            0 => None,
            _ => rest.get(letters..letters + minus + digits),
        };
        let number = number.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<i64>().ok());
        self.at += letters + if digits > 0 { minus + digits } else { 0 };
        if self.bytes.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
        match name {
            "par" | "line" | "sect" | "page" | "row" | "column" => self.put('\n'),
            "tab" | "cell" | "nestcell" | "emspace" | "enspace" | "qmspace" => self.put(' '),
            "emdash" => self.put('—'),
            "endash" => self.put('–'),
            "bullet" => self.put('•'),
            "lquote" => self.put('‘'),
            "rquote" => self.put('’'),
            "ldblquote" => self.put('“'),
            "rdblquote" => self.put('”'),
            "bin" => self.at = self.at.saturating_add(number.and_then(|count| count.try_into().ok()).unwrap_or(0)),
            "uc" => {
                let instead = number.and_then(|count| usize::try_from(count).ok()).unwrap_or(1).min(8);
                if let Some(group) = self.groups.last_mut() {
                    group.instead = instead;
                }
            }
            "u" => self.unicode(number.unwrap_or_default()),
            name if UNREAD.contains(&name) => self.pass_over(),
            _ => {}
        }
    }

    /// `\uN`: a UTF-16 unit, which may be written as a negative number.
    fn unicode(&mut self, number: i64) {
        let unit = u16::try_from(if number < 0 { number + 65_536 } else { number }).unwrap_or(0xfffd);
        let letter = match self.high.take() {
            Some(high) => char::decode_utf16([high, unit]).next().and_then(Result::ok),
            None if (0xd800..0xdc00).contains(&unit) => {
                self.high = Some(unit);
                None
            }
            None => char::from_u32(u32::from(unit)),
        };
        if let Some(letter) = letter {
            self.skip = 0;
            self.put(letter);
        }
        self.skip = self.group().instead;
    }
}
