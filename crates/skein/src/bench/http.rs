//! `open` and `page`: whole records and record pages over HTTP, each with its audit entry on disk before it is answered.

use super::{Bench, load, per_second};
use access::{Accounts, Gate, GateConfig, User};
use anyhow::Context;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, body::Bytes, client::conn::http1::SendRequest, header};
use hyper_util::rt::TokioIo;
use intake::Engine;
use record::Records;
use serde_json::Value;
use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// Resources of a record that is opened.
const RECORD: usize = 1_000;
/// People whose records are opened in turn.
const PEOPLE: usize = 24;
/// Clients that open records at once.
const CLIENTS: usize = 4;
const TIME: Duration = Duration::from_secs(8);
const TOKEN: &str = "bench";
pub const PASSWORD: &str = "bench-password";

/// A region of some people with a record of a given size each, behind its web server.
pub struct Site {
    pub engine: Engine,
    pub address: SocketAddr,
    pub people: Vec<fhir::PatientKey>,
}

pub fn user() -> User {
    User::staff("bench", "Benchmark", ("R8000", "Clinical practitioner"), ("RXB", "Benchmark Surgery"))
}

fn app() -> User {
    User { reach_region: true, ..User::system("bench-app", "Benchmark", ("RXB", "Benchmark Surgery")) }
}

/// A person of [`RECORD`] resources: of the largest bundle what a summary shows and then the newest, with all it refers to.
fn bundle() -> anyhow::Result<(load::Synthea, String)> {
    let bundles = load::synthea()?;
    let (text, _) = bundles.people.iter().max_by_key(|(_, count)| *count).context("no bundles")?;
    let mut bundle: Value = serde_json::from_str(text)?;
    if let Some(entries) = bundle.get_mut("entry").and_then(Value::as_array_mut) {
        let kept = newest(entries);
        let mut number = 0..;
        entries.retain(|_| number.next().is_some_and(|index| kept.contains(&index)));
    }
    let text = bundle.to_string();
    Ok((bundles, text))
}

/// What the summary of a record is made of.
const FIRST: [&str; 5] = ["Patient", "AllergyIntolerance", "Condition", "MedicationRequest", "CarePlan"];

/// Which entries to keep.
fn newest(entries: &[Value]) -> BTreeSet<usize> {
    let text = |entry: &Value, at: &str| entry.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let places: HashMap<String, usize> =
        entries.iter().enumerate().map(|(index, entry)| (text(entry, "/fullUrl"), index)).collect();
    let is_first = |entry: &Value| FIRST.contains(&text(entry, "/resource/resourceType").as_str());
    let (first, rest): (Vec<_>, Vec<_>) =
        (0..entries.len()).rev().partition(|at| entries.get(*at).is_some_and(is_first));
    let mut kept = BTreeSet::new();
    for index in first.into_iter().chain(rest) {
        let mut more = vec![index];
        let mut with = BTreeSet::new();
        while let Some(index) = more.pop() {
            if kept.contains(&index) || !with.insert(index) {
                continue;
            }
            let body = entries.get(index).map(Value::to_string).unwrap_or_default();
            let references = body.split("\"reference\":\"").skip(1).filter_map(|rest| rest.split('"').next());
            more.extend(references.filter_map(|reference| places.get(reference)));
        }
        if kept.len() + with.len() <= RECORD {
            kept.extend(with);
        }
    }
    kept
}

/// The time it is for whoever looks at the pages: soon after the newest entry, so that the record is not all history.
pub const LOOKED_AT: &str = "2021-06-10T09:00:00Z";

/// A gate with the built-in policies.
pub fn gate(engine: &Engine, now: jiff::Timestamp) -> anyhow::Result<Gate> {
    let (derived, audit) = (engine.derived().clone(), engine.audit().clone());
    Gate::new(derived, audit, GateConfig::default(), now).map_err(|error| anyhow::anyhow!("{error}"))
}

pub async fn site(folder: &Path) -> anyhow::Result<Site> {
    let folder = folder.to_owned();
    let (engine, people) = tokio::task::spawn_blocking(move || fill(&folder)).await??;
    let journal = engine.clone();
    let looked_at = LOOKED_AT.parse()?;
    let state = web::AppState::new(web::SiteConfig {
        pdfs: record::letter_text::pdf::Pdfs::default(),
        matcher: None,
        region_name: "Benchmark".into(),
        forms: forms::Forms::builtin()?,
        drafts: record::Drafts::open(engine.folder())?,
        notices: None,
        gate: gate(&engine, looked_at)?,
        records: Records::new(engine.derived().clone(), move || journal.journal_reader()),
        engine: engine.clone(),
        accounts: Accounts::demo([user()], PASSWORD).map_err(|error| anyhow::anyhow!("{error}"))?,
        clock: Arc::new(move || looked_at),
        providers: Vec::new(),
        session_limits: web::SessionLimits::default(),
        secure_cookies: false,
        trusted_proxies: web::Proxies::default(),
        named: web::Named::default(),
        demo: None,
    });
    let reader = web::fhir::Reader {
        token_hash: format!("blake3:{}", blake3::hash(TOKEN.as_bytes()).to_hex()),
        user: app(),
        scopes: None,
    };
    let api = web::fhir::ApiConfig { readers: vec![reader], ..web::fhir::ApiConfig::default() };
    let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = socket.local_addr()?;
    tokio::spawn(async move { axum::serve(socket, web::router(state, api)).await });
    Ok(Site { engine, address, people })
}

fn fill(folder: &Path) -> anyhow::Result<(Engine, Vec<fhir::PatientKey>)> {
    let (bundles, text) = bundle()?;
    let patient = text
        .split("\"fullUrl\":\"urn:uuid:")
        .nth(1)
        .and_then(|rest| rest.get(..36))
        .context("the bundle has no patient first")?
        .to_owned();
    let own = load::Synthea { directories: bundles.directories, people: vec![(text, RECORD)] };
    let (engine, _, _) = load::fill(folder, &own, RECORD * PEOPLE)?;
    let region = fhir::Region::new("bench");
    let key = |copy| region.patient("synthea", &String::from_utf8_lossy(&load::Template::new(&patient, 0).copy(copy)));
    let people = (0..PEOPLE).map(key).collect();
    Ok((engine, people))
}

/// A connection of one client.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    pub cookie: Option<String>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Client { sender, address, cookie: None })
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        token: bool,
        form: Option<String>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(header::ORIGIN, format!("http://{}", self.address));
        if token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        if form.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let body = Full::new(Bytes::from(form.unwrap_or_default()));
        self.sender.ready().await?;
        let response = self.sender.send_request(request.body(body)?).await?;
        let status = response.status();
        let cookies: Vec<String> = response
            .headers()
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok()?.split(';').next().map(str::to_owned))
            .collect();
        if !cookies.is_empty() {
            self.cookie = Some(cookies.join("; "));
        }
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    /// How much a browser receives of this address, compressed.
    async fn compressed(&mut self, path: &str) -> anyhow::Result<usize> {
        let request = Request::builder()
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(header::ACCEPT_ENCODING, "gzip")
            .header(header::COOKIE, self.cookie.as_deref().unwrap_or_default());
        self.sender.ready().await?;
        let response = self.sender.send_request(request.body(Full::default())?).await?;
        anyhow::ensure!(response.status() == StatusCode::OK, "{path} answered {}", response.status());
        Ok(response.into_body().collect().await?.to_bytes().len())
    }

    /// A page that must be there.
    pub async fn page(&mut self, path: &str) -> anyhow::Result<Bytes> {
        let (status, body) = self.ask(Method::GET, path, false, None).await?;
        anyhow::ensure!(status == StatusCode::OK, "{path} answered {status}");
        Ok(body)
    }

    /// Sign in as the benchmark's user.
    pub async fn sign_in(&mut self) -> anyhow::Result<()> {
        let (_, page) = self.ask(Method::GET, "/sign-in", false, None).await?;
        let page = String::from_utf8_lossy(&page);
        let token = page
            .split("name=\"form_token\" value=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .context("the sign-in page has no form token")?
            .to_owned();
        let form = format!("form_token={token}&then=&name=bench&password={PASSWORD}");
        let (status, _) = self.ask(Method::POST, "/sign-in", false, Some(form)).await?;
        anyhow::ensure!(status.is_redirection(), "signing in answered {status}");
        Ok(())
    }
}

pub fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

async fn everything(client: &mut Client, patient: fhir::PatientKey) -> anyhow::Result<usize> {
    let (status, body) = client.ask(Method::GET, &format!("/fhir/Patient/{patient}/$everything"), true, None).await?;
    anyhow::ensure!(status == StatusCode::OK, "$everything answered {status}");
    Ok(body.len())
}

/// `open`: `$everything` of records of a thousand resources.
pub fn open(bench: &Bench) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let site = site(&bench.folder.join("region")).await?;
        let mut alone = Client::connect(site.address).await?;
        let mut bytes = 0;
        let mut times = Vec::new();
        for patient in site.people.iter().cycle().take(400) {
            let begin = Instant::now();
            bytes = everything(&mut alone, *patient).await?;
            times.push(begin.elapsed());
        }
        let begin = Instant::now();
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let (address, people) = (site.address, site.people.clone());
            clients.push(tokio::spawn(async move {
                let mut client = Client::connect(address).await?;
                let mut count = 0;
                for patient in people.iter().cycle().skip(number * 5) {
                    if begin.elapsed() >= TIME {
                        break;
                    }
                    everything(&mut client, *patient).await?;
                    count += 1;
                }
                anyhow::Ok(count)
            }));
        }
        let mut count = 0;
        for client in clients {
            count += client.await??;
        }
        let rate = per_second(count, begin.elapsed());
        let limit = bare_socket(bytes).await?;
        bench.report.against("open", "records_per_s", rate, "records/s", limit);
        bench.report.figure("open", "latency_ms_p50", percentile(&mut times, 50), "ms");
        bench.report.figure("open", "latency_ms_p99", percentile(&mut times, 99), "ms");
        #[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
        let kb = bytes as f64 / 1000.0;
        bench.report.figure("open", "plain_kb", kb, "kB");
        tokio::task::spawn_blocking(move || site.engine.stop()).await?;
        Ok(())
    })
}

/// Answers of this many bytes a second that the same HTTP server gives to the same clients from memory.
async fn bare_socket(bytes: usize) -> anyhow::Result<f64> {
    let body = Bytes::from(vec![b'x'; bytes]);
    let app = axum::Router::new().fallback(move || std::future::ready(body.clone()));
    let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = socket.local_addr()?;
    tokio::spawn(async move { axum::serve(socket, app).await });
    let begin = Instant::now();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(tokio::spawn(async move {
            let mut client = Client::connect(address).await?;
            let mut count = 0;
            while begin.elapsed() < Duration::from_secs(3) {
                client.ask(Method::GET, "/", false, None).await?;
                count += 1;
            }
            anyhow::Ok(count)
        }));
    }
    let mut count = 0;
    for client in clients {
        count += client.await??;
    }
    Ok(per_second(count, begin.elapsed()))
}

/// `page`: the first page of a record of a thousand resources.
pub fn page(bench: &Bench) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let site = site(&bench.folder.join("region")).await?;
        let mut client = Client::connect(site.address).await?;
        client.sign_in().await?;
        let region = fhir::Region::new("bench");
        let mut times = Vec::new();
        let mut page = Bytes::new();
        for patient in site.people.iter().cycle().take(200) {
            let begin = Instant::now();
            let path = format!("/record/{}", region.person(*patient));
            let (status, body) = client.ask(Method::GET, &path, false, None).await?;
            anyhow::ensure!(status == StatusCode::OK, "the record page answered {status}");
            page = body;
            times.push(begin.elapsed());
        }
        bench.report.figure("page", "server_ms_p95", percentile(&mut times, 95), "ms");
        // What a browser fetches to show it for the first time: the page, and what it links to.
        let page = String::from_utf8(page.to_vec())?;
        for card in ["Current medicines", "Current problems", "Newest letters", "What happened last"] {
            anyhow::ensure!(page.contains(card), "the summary has no \"{card}\"");
        }
        anyhow::ensure!(!page.contains("class=\"count\">0<"), "the summary shows nothing of what it should");
        let path = format!("/record/{}", region.person(site.people.first().copied().context("nobody")?));
        let html = client.compressed(&path).await?;
        let mut bytes = html;
        for asset in page.split('"').filter(|text| text.starts_with("/assets/")) {
            bytes += client.compressed(asset).await?;
        }
        #[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
        let kb = |bytes: usize| bytes as f64 / 1000.0;
        bench.report.figure("page", "html_compressed_kb", kb(html), "kB");
        bench.report.figure("page", "compressed_kb", kb(bytes), "kB with stylesheet and scripts");
        tokio::task::spawn_blocking(move || site.engine.stop()).await?;
        Ok(())
    })
}
