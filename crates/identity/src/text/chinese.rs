//! Chinese names in Latin letters: whether a given name is made of Chinese syllables, and whether a family name is one of
//! the usual ones. Read are the systems that papers are written in: Hanyu Pinyin (ISO 7098), Wade–Giles without its
//! apostrophes, and the Hong Kong Government's Cantonese romanisation, with the commonest Hokkien and Teochew family names
//! of Malaysia and Singapore.

/// Beginnings of syllables; the longest that fits counts.
const INITIALS: &[&str] = &[
    "tsz", "ch", "sh", "zh", "ts", "tz", "kw", "gw", "hs", "ng", "b", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n",
    "p", "q", "r", "s", "t", "w", "x", "y", "z", "",
];

/// What may follow.
const FINALS: &[&str] = &[
    "a", "ai", "ak", "am", "an", "ang", "ao", "ap", "at", "au", "e", "ee", "ei", "ek", "en", "eng", "er", "eu", "eung",
    "eong", "eok", "euk", "i", "ia", "ian", "iang", "iao", "ie", "ien", "ih", "ik", "im", "in", "ing", "iong", "ip",
    "it", "iu", "o", "oi", "ok", "on", "ong", "oo", "ot", "ou", "u", "ua", "uai", "uan", "uang", "ue", "uen", "uet",
    "ui", "uk", "un", "ung", "uo", "ut", "",
];

/// Family names, in the order of the alphabet.
const FAMILIES: &[&str] = &[
    "au", "bai", "cai", "cao", "chan", "chang", "chao", "chau", "che", "chen", "cheng", "cheong", "cheung", "chew",
    "chiang", "chin", "ching", "chiu", "choi", "chong", "chou", "chow", "choy", "chu", "chua", "chui", "chung", "cui",
    "dai", "deng", "ding", "dong", "du", "duan", "fan", "fang", "feng", "foo", "fu", "fung", "gan", "gao", "ge", "goh",
    "gong", "gu", "guo", "han", "hao", "he", "heng", "ho", "hong", "hou", "hsieh", "hsu", "hu", "huang", "hui", "hung",
    "ip", "jia", "jiang", "jin", "kam", "kang", "ko", "koh", "kong", "kuo", "kwan", "kwok", "kwong", "lai", "lam",
    "lau", "law", "lee", "lei", "leong", "leung", "li", "liang", "liao", "liew", "lim", "lin", "ling", "liu", "lo",
    "loh", "long", "low", "lu", "lui", "luk", "luo", "ma", "mak", "man", "mao", "meng", "mo", "mok", "mui", "ng",
    "ngai", "ong", "ou", "pan", "pang", "peng", "poon", "pun", "qian", "qin", "qiu", "quan", "ren", "shao", "shek",
    "shen", "shi", "shum", "sin", "sit", "siu", "so", "song", "su", "suen", "sun", "sung", "sze", "szeto", "tai",
    "tam", "tan", "tang", "tao", "teo", "teoh", "tian", "ting", "to", "toh", "tong", "tsai", "tsang", "tse", "tseng",
    "tsoi", "tsui", "tu", "tung", "wan", "wang", "wei", "wen", "wong", "woo", "wu", "xia", "xiang", "xiao", "xie",
    "xiong", "xu", "xue", "yam", "yan", "yang", "yao", "yau", "ye", "yeh", "yen", "yeo", "yeung", "yi", "yim", "yin",
    "ying", "yip", "yiu", "young", "yu", "yuan", "yue", "yuen", "yung", "zeng", "zhan", "zhang", "zhao", "zheng",
    "zhong", "zhou", "zhu", "zou",
];

/// Most syllables of a given name.
const SYLLABLES_MAX: u8 = 2;

/// Whether a folded family name is a usual Chinese one.
pub fn is_family(name: &str) -> bool {
    FAMILIES.binary_search(&name).is_ok()
}

/// Whether a folded given name can be read as one or two Chinese syllables. Some names of other peoples can be too (Kai,
/// Lena): by itself this says little.
pub fn is_given(name: &str) -> bool {
    name.is_ascii() && name.len() > 1 && name.split('-').all(|part| !part.is_empty() && syllables(part, SYLLABLES_MAX))
}

fn syllables(text: &str, left: u8) -> bool {
    if text.is_empty() || left == 0 {
        return text.is_empty();
    }
    let Some(rest) = INITIALS.iter().find_map(|initial| text.strip_prefix(initial)) else { return false };
    // "ng" and "n-g…", "hs" and "h-s…": the initial may also be the shorter one.
    let readings = [Some(rest), text.get(1..)];
    readings.into_iter().flatten().any(|rest| {
        FINALS.iter().any(|end| {
            rest.strip_prefix(end)
                .is_some_and(|after| after.len() < text.len() && has_sound(text, after) && syllables(after, left - 1))
        })
    })
}

/// Whether what was read has a vowel, or is one of the two syllables without: `ng` and `tsz`.
fn has_sound(text: &str, after: &str) -> bool {
    let read = text.get(..text.len() - after.len()).unwrap_or_default();
    matches!(read, "ng" | "tsz") || read.bytes().any(|letter| matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_names_of_every_system_are_read() {
        for name in [
            "wei", "xiuying", "jing", "xiaoling", "yee", "ka", "tsz", "kwok", "hoi", "suk", "zixuan", "xue", "keung",
            "chih", "hsiu", "siu-ling", "qiang", "yuk", "hao",
        ] {
            assert!(is_given(name), "{name}");
        }
        for name in [
            "matthew",
            "olivia",
            "alexander",
            "william",
            "thea",
            "james",
            "grace",
            "mohammed",
            "charlotte",
            "x",
            "",
            "-",
            "李",
        ] {
            assert!(!is_given(name), "{name}");
        }
    }

    #[test]
    fn family_names_are_found() {
        assert!(FAMILIES.is_sorted(), "a list in order");
        for name in ["wong", "huang", "zhang", "cheung", "ng", "lim", "hsu"] {
            assert!(is_family(name), "{name}");
        }
        assert!(!is_family("smith") && !is_family("") && !is_family("patel"));
    }
}
