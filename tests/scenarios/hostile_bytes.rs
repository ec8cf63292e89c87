//! What the fuzzer throws (`fuzz/targets.rs`), thrown here as well: every input that ever found something, and some thousands made of
//! good ones by changing, doubling and leaving out bytes.

#[path = "../../fuzz/targets.rs"]
mod targets;

use crate::harness::say::Adt;
use rand::{RngExt as _, SeedableRng as _};
use std::path::Path;

/// Inputs made for each target.
const MADE: usize = 400;

fn good() -> Vec<Vec<u8>> {
    let mut good: Vec<Vec<u8>> = vec![
        Adt::new("A01", "1001", "20250301120000").traced("9990000018").bytes(),
        b"MSH|^~\\&|LAB|RCB|S|R|20250301120000||ORU^R01|1|P|2.4\rPID|1||7^^^RCB^PI||A^B||19500102|F\rOBR|1|P|F|UE^U^L|||20250301\rOBX|1|SN|NA^Sodium^L||<^1.5|mmol/L|133-146|N|||F\rOBX|2|ED|PDF^L^L||^application^pdf^Base64^JVBERi0x||||||F\r".to_vec(),
        br#"{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:4d1e2f00-0000-4000-8000-000000000001","resource":{"resourceType":"Patient","id":"p1","name":[{"family":"Smith"}]},"request":{"method":"PUT","url":"Patient/p1"}},{"resource":{"resourceType":"Condition","subject":{"reference":"urn:uuid:4d1e2f00-0000-4000-8000-000000000001"},"code":{"text":"Gout"}},"request":{"method":"POST","url":"Condition"}}]}"#.to_vec(),
        b"code=http://loinc.org|8480-6,x&date=ge2025-03-01&value-quantity=gt5.4|http://unitsofmeasure.org|mmol/L&_sort=-date&subject:Patient.name=S%C3%B8ren&_has:Provenance:target:agent=1".to_vec(),
        b"2025-03-01T10:00:00.123+01:00".to_vec(),
        b"https://example.org/fhir/Patient/123/_history/4".to_vec(),
        b"R8000\nX81001\ngp\n{\"resourceType\":\"Condition\",\"meta\":{\"security\":[{\"code\":\"R\"}]},\"code\":{\"coding\":[{\"code\":\"1\"}]}}".to_vec(),
        b"{\\rtf1\\ansi\\uc1 Dear \\u8217? Mrs {\\*\\x y}Smith\\par \\'e9}".to_vec(),
        b"<html><body><p>Dear &amp; &#8217; <script>x</script></p></body></html>".to_vec(),
        b"skein=abcd; theme=dark; __Host-skein=\"x\"; %73kein=y; a=b=c".to_vec(),
        "margaret o\u{2019}neil 14 jul 1945 LS1 4AP 999 000 0018".as_bytes().to_vec(),
    ];
    let framed: Vec<u8> = good.iter().take(2).flat_map(|message| hl7v2::mllp::encode(message)).collect();
    good.push(framed);
    good
}

#[test]
fn nothing_that_is_thrown_at_the_doors_breaks_a_promise() {
    let good = good();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/regressions");
    for (name, target) in targets::ALL {
        for input in std::fs::read_dir(folder.join(name)).into_iter().flatten() {
            let path = input.expect("a file").path();
            println!("{}", path.display());
            target(&std::fs::read(&path).expect("an input that found something"));
        }
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        for input in &good {
            target(input);
        }
        for _ in 0..MADE {
            let mut input = good[random.random_range(0..good.len())].clone();
            for _ in 0..random.random_range(1..6) {
                let at = random.random_range(0..=input.len());
                match random.random_range(0..5) {
                    0 if at < input.len() => input[at] = random.random(),
                    1 => input.truncate(at),
                    2 => input
                        .insert(at, [b'|', b'^', b'\\', b'\r', 0, 0x0b, 0x1c, b'"', 0xff][random.random_range(0..9)]),
                    3 => {
                        let other = &good[random.random_range(0..good.len())];
                        let from = random.random_range(0..=other.len());
                        input.splice(at..at, other[from..].iter().copied().take(40));
                    }
                    _ => {
                        let end = (at + random.random_range(0..20)).min(input.len());
                        input.drain(at..end);
                    }
                }
            }
            target(&input);
        }
    }
}
