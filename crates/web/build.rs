//! Says in one sentence what is missing when the front end is not built; rust-embed would say it less plainly.

fn main() {
    // Asked when it runs: the program itself may have been built in another folder, for the same target.
    let dist = format!("{}/../../web/dist", std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default());
    println!("cargo::rerun-if-changed={dist}");
    println!("cargo::rerun-if-changed=templates");
    if !std::path::Path::new(&dist).join("viewer.css").is_file() {
        println!(
            "cargo::error=web/dist is missing: run ./run or ./test, which build it, or: cd web && npm ci && npm run build"
        );
        std::process::exit(1);
    }
}
