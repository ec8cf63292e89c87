//! A synthetic region behind the viewer, for looking at pages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::disallowed_methods, missing_docs)]
#[path = "../tests/web/site.rs"]
mod site;

fn main() {
    let people = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(60);
    let folder = std::env::args().nth(2).unwrap_or("/tmp/view-region".into());
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let began = std::time::Instant::now();
    let (engine, region) = site::region(std::path::Path::new(&folder), people);
    println!("loaded in {:?}", began.elapsed());
    for h in region.highlights() {
        println!("{} | {} | {} | {}", h.title, h.name, h.nhs_number, h.birth_date);
    }
    let start = region.start();
    let base = std::time::Instant::now();
    let state = site::site(&engine, move || start + jiff::SignedDuration::try_from(base.elapsed()).unwrap());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:8091").await.unwrap();
        println!("http://127.0.0.1:8091");
        axum::serve(listener, web::router(state).into_make_service_with_connect_info::<std::net::SocketAddr>())
            .await
            .unwrap();
    });
}
