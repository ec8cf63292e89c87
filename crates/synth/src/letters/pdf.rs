//! A page of A4 at a time: lines of Helvetica, wrapped by its own widths, as letters need no more.

use crate::wire::to_latin;
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 56.0;
const BOTTOM: f32 = 66.0;

/// Widths of Helvetica for the characters 32 to 126, in thousandths of the size (Adobe's font metrics).
#[rustfmt::skip]
const REGULAR: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556,
    278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667,
    611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833,
    556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// Widths of Helvetica-Bold for the same.
#[rustfmt::skip]
const BOLD: [u16; 95] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556,
    333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778, 667, 778, 722, 667,
    611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889,
    611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
];

/// A face of the one family used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    Regular,
    Bold,
}

impl Face {
    fn name(self) -> Name<'static> {
        match self {
            Face::Regular => Name(b"F1"),
            Face::Bold => Name(b"F2"),
        }
    }

    /// The width of a text set in this size, in points.
    pub(crate) fn width(self, text: &str, size: f32) -> f32 {
        let table = if self == Face::Bold { &BOLD } else { &REGULAR };
        let thousandths: u32 = text
            .chars()
            .map(|c| {
                let index = usize::try_from(u32::from(plain(c)).saturating_sub(32)).unwrap_or(0);
                u32::from(table.get(index).copied().unwrap_or(556))
            })
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "a line is some thousands of thousandths")]
        let width = thousandths as f32;
        width * size / 1_000.0
    }
}

/// An accented letter is as wide as the letter.
fn plain(c: char) -> char {
    match c {
        'À'..='Å' => 'A',
        'Ç' => 'C',
        'È'..='Ë' => 'E',
        'Ì'..='Ï' => 'I',
        'Ñ' => 'N',
        'Ò'..='Ö' | 'Ø' => 'O',
        'Ù'..='Ü' => 'U',
        'à'..='å' => 'a',
        'ç' => 'c',
        'è'..='ë' => 'e',
        'ì'..='ï' => 'i',
        'ñ' => 'n',
        'ò'..='ö' | 'ø' => 'o',
        'ù'..='ü' => 'u',
        'ý' | 'ÿ' => 'y',
        c => c,
    }
}

/// Break a text into lines of at most this width.
pub(crate) fn wrap(text: &str, face: Face, size: f32, width: f32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if face.width(&longer, size) <= width || line.is_empty() {
            line = longer;
        } else {
            lines.push(std::mem::replace(&mut line, word.to_owned()));
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// A letter being set.
pub(crate) struct Sheet {
    done: Vec<Content>,
    page: Content,
    y: f32,
    footer: String,
}

impl Sheet {
    /// A first page with its letterhead: the organisation's name and where it is.
    pub(crate) fn new(organisation: &str, place: &str, footer: &str) -> Sheet {
        let mut sheet = Sheet { done: Vec::new(), page: Content::new(), y: HEIGHT - MARGIN, footer: footer.to_owned() };
        sheet.page.set_fill_rgb(0.0, 0.19, 0.53);
        let right = WIDTH - MARGIN - Face::Bold.width(organisation, 15.0);
        sheet.put(right, organisation, Face::Bold, 15.0);
        sheet.y -= 15.0;
        sheet.page.set_fill_rgb(0.26, 0.33, 0.39);
        let right = WIDTH - MARGIN - Face::Regular.width(place, 9.0);
        sheet.put(right, place, Face::Regular, 9.0);
        sheet.page.set_fill_rgb(0.0, 0.0, 0.0);
        sheet.y -= 10.0;
        sheet.rule();
        sheet
    }

    fn put(&mut self, x: f32, text: &str, face: Face, size: f32) {
        let bytes: Vec<u8> = to_latin(text).chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
        self.page.begin_text();
        self.page.set_font(face.name(), size);
        self.page.next_line(x, self.y);
        self.page.show(Str(&bytes));
        self.page.end_text();
    }

    fn need(&mut self, height: f32) {
        if self.y - height < BOTTOM {
            self.done.push(std::mem::replace(&mut self.page, Content::new()));
            self.y = HEIGHT - MARGIN;
        }
    }

    /// A thin line across.
    pub(crate) fn rule(&mut self) {
        self.page.set_stroke_rgb(0.0, 0.37, 0.72);
        self.page.set_line_width(0.8);
        self.page.move_to(MARGIN, self.y);
        self.page.line_to(WIDTH - MARGIN, self.y);
        self.page.stroke();
        self.y -= 18.0;
    }

    /// White space.
    pub(crate) fn gap(&mut self, height: f32) {
        self.y -= height;
    }

    /// A heading, kept with at least two lines of what follows.
    pub(crate) fn heading(&mut self, text: &str) {
        self.need(46.0);
        self.y -= 6.0;
        self.page.set_fill_rgb(0.0, 0.19, 0.53);
        self.put(MARGIN, text, Face::Bold, 11.0);
        self.page.set_fill_rgb(0.0, 0.0, 0.0);
        self.y -= 15.0;
    }

    /// The title of the letter.
    pub(crate) fn title(&mut self, text: &str) {
        self.need(40.0);
        self.put(MARGIN, text, Face::Bold, 14.0);
        self.y -= 20.0;
    }

    /// A paragraph.
    pub(crate) fn paragraph(&mut self, text: &str) {
        self.lines(text, Face::Regular, MARGIN, WIDTH - 2.0 * MARGIN);
        self.y -= 5.0;
    }

    /// A line by itself.
    pub(crate) fn line(&mut self, text: &str, face: Face) {
        self.lines(text, face, MARGIN, WIDTH - 2.0 * MARGIN);
    }

    /// An item of a list.
    pub(crate) fn bullet(&mut self, text: &str) {
        self.need(14.0);
        self.put(MARGIN + 4.0, "\u{b7}", Face::Bold, 12.0);
        self.lines(text, Face::Regular, MARGIN + 16.0, WIDTH - 2.0 * MARGIN - 16.0);
    }

    /// A label and its value, side by side.
    pub(crate) fn row(&mut self, label: &str, value: &str) {
        self.need(14.0);
        self.put(MARGIN, label, Face::Bold, 10.0);
        self.lines(value, Face::Regular, MARGIN + 128.0, WIDTH - 2.0 * MARGIN - 128.0);
    }

    fn lines(&mut self, text: &str, face: Face, x: f32, width: f32) {
        const SIZE: f32 = 10.0;
        for line in wrap(&to_latin(text), face, SIZE, width) {
            self.need(14.0);
            self.put(x, &line, face, SIZE);
            self.y -= 13.5;
        }
    }

    /// The document, with a footer and the page's number on every page.
    pub(crate) fn finish(mut self, title: &str) -> Vec<u8> {
        self.done.push(self.page);
        let total = self.done.len();
        let mut pdf = Pdf::new();
        let mut next = 0;
        let mut fresh = || {
            next += 1;
            Ref::new(next)
        };
        let (catalog, tree, regular, bold, info) = (fresh(), fresh(), fresh(), fresh(), fresh());
        pdf.catalog(catalog).pages(tree);
        let pages: Vec<(Ref, Ref)> = self.done.iter().map(|_| (fresh(), fresh())).collect();
        pdf.pages(tree).kids(pages.iter().map(|p| p.0)).count(i32::try_from(total).unwrap_or(1));
        for (id, name) in [(regular, &b"Helvetica"[..]), (bold, &b"Helvetica-Bold"[..])] {
            pdf.type1_font(id).base_font(Name(name)).encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        for (n, ((page_id, content_id), mut content)) in (1..).zip(pages.into_iter().zip(self.done)) {
            content.set_fill_rgb(0.26, 0.33, 0.39);
            let number = format!("Page {n} of {total}");
            for (x, text) in [(MARGIN, &self.footer), (WIDTH - MARGIN - Face::Regular.width(&number, 8.0), &number)] {
                let bytes: Vec<u8> =
                    to_latin(text).chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
                content.begin_text();
                content.set_font(Name(b"F1"), 8.0);
                content.next_line(x, 36.0);
                content.show(Str(&bytes));
                content.end_text();
            }
            let mut page = pdf.page(page_id);
            page.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).parent(tree).contents(content_id);
            let mut resources = page.resources();
            resources.fonts().pair(Name(b"F1"), regular).pair(Name(b"F2"), bold);
            resources.finish();
            page.finish();
            pdf.stream(content_id, &content.finish());
        }
        pdf.document_info(info).title(TextStr(title));
        pdf.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_asked() {
        let text = "The quick brown fox jumps over the lazy dog, again and again, until Zoë O'Brien asks it to stop."
            .repeat(6);
        for line in wrap(&text, Face::Regular, 10.0, 300.0) {
            assert!(Face::Regular.width(&line, 10.0) <= 300.0, "{line}");
        }
    }

    #[test]
    fn a_long_letter_gets_more_pages_and_every_offset_is_right() {
        let mut sheet = Sheet::new("Aldermere General Hospital", "Church Road, Aldermere", "In confidence");
        for n in 0..120 {
            sheet.paragraph(&format!("Paragraph {n} of a very long letter (with brackets) and a backslash \\ in it."));
        }
        let pdf = sheet.finish("Letter");
        assert!(pdf.starts_with(b"%PDF-"));
        let text: Vec<u8> = pdf.clone();
        let find = |needle: &[u8], from: usize| {
            text.get(from..).and_then(|t| t.windows(needle.len()).position(|w| w == needle)).map(|p| p + from)
        };
        assert!(find(b"/Count 3", 0).is_some() || find(b"/Count 4", 0).is_some());
        let tail = String::from_utf8_lossy(&pdf[pdf.len() - 64..]).into_owned();
        let start: usize = tail.split("startxref").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
        assert!(pdf[start..].starts_with(b"xref"));
    }
}
