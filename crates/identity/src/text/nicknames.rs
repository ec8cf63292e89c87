//! Which given names are one name: short forms, and the ways one name is spelt in Latin letters.

use std::{collections::HashMap, sync::LazyLock};

/// A name belongs to at most so many groups; further ones are left out.
pub const GROUPS_MAX: usize = 6;

/// The lines of the list: a group is the number of its line, from 1.
static LINES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("nicknames.txt").lines();
    lines.filter(|line| !line.starts_with('#') && !line.trim().is_empty()).collect()
});

static TABLE: LazyLock<HashMap<&'static str, [u16; GROUPS_MAX]>> = LazyLock::new(|| {
    let mut table: HashMap<&'static str, [u16; GROUPS_MAX]> = HashMap::new();
    for (number, line) in (1_u16..).zip(LINES.iter()) {
        for name in line.split_whitespace() {
            let groups = table.entry(name).or_default();
            if groups.contains(&number) {
                continue;
            }
            // The line a name heads is the one it is found by.
            let place = if line.split_whitespace().next() == Some(name) { 0 } else { usize::MAX };
            if place == 0 && groups.first().is_some_and(|first| *first != 0) {
                groups.rotate_right(1);
                if let Some(first) = groups.first_mut() {
                    *first = number;
                }
            } else if let Some(free) = groups.iter_mut().find(|group| **group == 0) {
                *free = number;
            }
        }
    }
    table
});

/// The groups of a folded given name, the main one first; 0 where there is none.
pub fn groups_of(name: &str) -> [u16; GROUPS_MAX] {
    TABLE.get(name).copied().unwrap_or_default()
}

/// All names of a group.
pub fn forms_of(group: u16) -> impl Iterator<Item = &'static str> {
    let line = usize::from(group).checked_sub(1).and_then(|line| LINES.get(line)).copied();
    line.unwrap_or_default().split_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_name(a: &str, b: &str) -> bool {
        let b = groups_of(b);
        groups_of(a).iter().any(|group| *group != 0 && b.contains(group))
    }

    #[test]
    fn short_forms_and_spellings() {
        for (a, b) in [
            ("robert", "bob"),
            ("elizabeth", "betty"),
            ("mohammed", "muhammad"),
            ("mohamed", "mohd"),
            ("ayesha", "aisha"),
            ("alex", "alexandra"),
            ("alex", "alexander"),
            ("yusuf", "yousef"),
            ("katarzyna", "kasia"),
        ] {
            assert!(one_name(a, b), "{a} {b}");
        }
        assert!(!one_name("john", "mary") && !one_name("nobody", "nobody"));
    }
}
