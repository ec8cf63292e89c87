//! Secrets we hand out: session tokens, form tokens, search ids. Random, and compared without telling how far they agree.

/// 32 random bytes in hex. Aborts nothing: when the system gives no random numbers, there is no token.
pub fn new() -> Option<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What is kept of a token, so that a look into memory yields none.
pub fn digest(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

/// Whether two tokens are the same, in a time that depends on neither: equality of `blake3::Hash` is constant-time.
pub fn same(a: &str, b: &str) -> bool {
    blake3::hash(a.as_bytes()) == blake3::hash(b.as_bytes())
}

#[cfg(test)]
mod tests {
    #[test]
    fn tokens_are_long_and_new() {
        let (one, two) = (super::new().expect("a token"), super::new().expect("a token"));
        assert_eq!(one.len(), 64);
        assert_ne!(one, two);
        assert!(super::same(&one, &one.clone()) && !super::same(&one, &two));
    }
}
