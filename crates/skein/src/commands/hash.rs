//! `skein hash`: what the configuration file keeps instead of passwords and tokens.

use crate::{
    cli::{Hash, Hashed},
    failure::{Failure, Outcome},
    say,
};
use std::io::{IsTerminal, Read};

/// Run it.
pub fn run(asked: &Hash) -> Outcome {
    match asked.what {
        Hashed::Password => {
            if std::io::stdin().is_terminal() {
                say::complain(
                    "Type the password and press Enter (it is shown as you type; clear the screen afterwards):",
                );
            }
            let mut password = String::new();
            std::io::stdin()
                .read_line(&mut password)
                .map_err(|error| Failure::asked(format!("cannot read the password: {error}")))?;
            let password = password.trim_end_matches(['\r', '\n']);
            if password.chars().count() < 8 {
                return Err(Failure::asked("a password has at least 8 characters"));
            }
            say::line(&access::hash_password(password).map_err(Failure::found)?);
        }
        Hashed::Token => {
            let token = new_token()?;
            say::line(&format!("token       {token}"));
            say::line(&format!("token_hash  {}", token_hash(&token)));
        }
    }
    Ok(())
}

/// A new access token: 32 bytes from the system's generator, in hexadecimal.
pub fn new_token() -> Outcome<String> {
    let mut random = [0u8; 32];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut random))
        .map_err(|error| Failure::found(format!("the system's random numbers cannot be read: {error}")))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What the configuration keeps of a token. A token is random and long, so a fast hash is enough.
pub fn token_hash(token: &str) -> String {
    format!("blake3:{}", blake3::hash(token.as_bytes()).to_hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_new_and_hashed_alike() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
        assert_eq!(token_hash(&one), token_hash(&one));
    }
}
