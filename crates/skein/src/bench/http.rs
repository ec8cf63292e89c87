//! `open` and `page`: whole records and record pages over HTTP, each with its audit entry on disk before it is answered.

use super::{Bench, load, per_second, reset_rss_max, rss_mb_max};
use access::{Accounts, Gate, GateConfig, User};
use anyhow::Context;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, body::Bytes, client::conn::http1::SendRequest, header};
use hyper_util::rt::TokioIo;
use intake::Engine;
use notify::Notices;
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

/// The bundles of a person with so many resources: of the largest bundle what a summary shows and then the newest, with all
/// it refers to; beyond that the same once more, as other resources of earlier years.
fn bundles_of(bundles: &load::Synthea, resources: usize) -> anyhow::Result<Vec<(String, usize)>> {
    let (text, _) = bundles.people.iter().max_by_key(|(_, count)| *count).context("no bundles")?;
    let mut bundle: Value = serde_json::from_str(text)?;
    let entries = bundle.get_mut("entry").and_then(Value::as_array_mut).context("a bundle without entries")?;
    let whole = std::mem::take(entries);
    let patient = whole.first().and_then(|entry| entry.get("fullUrl")).and_then(Value::as_str).unwrap_or_default();
    let (patient, mut found, mut left) = (patient.to_owned(), Vec::new(), resources);
    for round in 0..u16::MAX {
        let kept = if left < whole.len() { newest(&whole, left) } else { (0..whole.len()).collect() };
        let entries: Vec<Value> = (0..)
            .zip(&whole)
            .filter(|(index, _)| kept.contains(index))
            .map(|(_, entry)| earlier(entry, round, &patient))
            .collect::<anyhow::Result<_>>()?;
        // The patient is the same one each time, and counts once.
        let new = entries.len() - usize::from(round > 0).min(entries.len());
        left = left.saturating_sub(new);
        found
            .push((serde_json::json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}), kept.len()));
        // The last few may each need more than there is room for.
        if left < 20 || new == 0 {
            break;
        }
    }
    Ok(found.into_iter().map(|(bundle, count)| (bundle.to_string(), count)).collect())
}

/// The same resource another time: under another id, `round` years earlier. Whom it is about stays.
fn earlier(entry: &Value, round: u16, patient: &str) -> anyhow::Result<Value> {
    let is_patient = entry.pointer("/resource/resourceType").and_then(Value::as_str) == Some("Patient");
    if round == 0 || is_patient {
        return Ok(entry.clone());
    }
    let mark = format!("{round:04x}");
    let text = |text: &str| -> anyhow::Result<String> {
        let uuid = text.strip_prefix("urn:uuid:").filter(|_| text != patient).map(|_| 23..27).or_else(|| {
            let bytes = text.as_bytes();
            (text.len() == 36 && [8, 13, 18, 23].iter().all(|at| bytes.get(*at) == Some(&b'-'))).then_some(14..18)
        });
        let mut text = text.to_owned();
        if let Some(group) = uuid.filter(|_| !patient.ends_with(&text)) {
            text.replace_range(group, &mark);
        } else if let Some(Ok(date)) = text.get(..10).map(str::parse::<jiff::civil::Date>) {
            text.replace_range(..10, &date.checked_sub(jiff::Span::new().days(364 * i64::from(round)))?.to_string());
        }
        Ok(text)
    };
    fn walk(value: &Value, text: &dyn Fn(&str) -> anyhow::Result<String>) -> anyhow::Result<Value> {
        Ok(match value {
            Value::String(one) => Value::String(text(one)?),
            Value::Array(list) => Value::Array(list.iter().map(|one| walk(one, text)).collect::<anyhow::Result<_>>()?),
            Value::Object(members) => {
                let member = |(name, one): (&String, &Value)| anyhow::Ok((name.clone(), walk(one, text)?));
                Value::Object(members.iter().map(member).collect::<anyhow::Result<_>>()?)
            }
            other => other.clone(),
        })
    }
    walk(entry, &text)
}

/// What the summary of a record is made of.
const FIRST: [&str; 5] = ["Patient", "AllergyIntolerance", "Condition", "MedicationRequest", "CarePlan"];

/// Which entries to keep, so many of them.
fn newest(entries: &[Value], most: usize) -> BTreeSet<usize> {
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
        if kept.len() + with.len() <= most {
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

/// A site of [`PEOPLE`] records of [`RECORD`] resources each.
pub async fn site(bench: &Bench) -> anyhow::Result<Site> {
    site_of(bench, "region", PEOPLE, RECORD).await
}

async fn site_of(bench: &Bench, name: &str, people: usize, resources: usize) -> anyhow::Result<Site> {
    let folder = bench.folder.join(name);
    let (engine, people) = tokio::task::block_in_place(|| fill(bench, &folder, people, resources))?;
    let address = serve(&engine, LOOKED_AT.parse()?, user(), None).await?;
    Ok(Site { engine, address, people })
}

/// Serve a region to this user and to the benchmark's client system, at this time; its lists where there are any.
pub async fn serve(
    engine: &Engine,
    looked_at: jiff::Timestamp,
    user: User,
    notices: Option<Notices>,
) -> anyhow::Result<SocketAddr> {
    let journal = engine.clone();
    let state = web::AppState::new(web::SiteConfig {
        pdfs: record::letter_text::pdf::Pdfs::default(),
        matcher: None,
        region_name: "Benchmark".into(),
        forms: forms::Forms::builtin()?,
        drafts: record::Drafts::open(engine.folder())?,
        notices,
        gate: gate(engine, looked_at)?,
        records: Records::new(engine.derived().clone(), move || journal.journal_reader()),
        engine: engine.clone(),
        accounts: Accounts::demo([user], PASSWORD).map_err(|error| anyhow::anyhow!("{error}"))?,
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
    Ok(address)
}

fn fill(
    bench: &Bench,
    folder: &Path,
    people: usize,
    resources: usize,
) -> anyhow::Result<(Engine, Vec<fhir::PatientKey>)> {
    let bundles = load::synthea()?;
    let own = bundles_of(&bundles, resources)?;
    let patient = own
        .first()
        .and_then(|(text, _)| text.split("\"fullUrl\":\"urn:uuid:").nth(1)?.get(..36))
        .context("the bundle has no patient first")?
        .to_owned();
    let each: usize = own.iter().map(|(_, count)| count).sum();
    let own = load::Synthea { directories: bundles.directories, people: own };
    let (engine, _, _) = load::fill(bench, folder, &own, each * people)?;
    let region = fhir::Region::new("bench");
    let key = |copy| region.patient("synthea", &String::from_utf8_lossy(&load::Template::new(&patient, 0).copy(copy)));
    let people = (0..people).map(key).collect();
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

    pub async fn ask(
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

pub async fn everything(client: &mut Client, patient: fhir::PatientKey) -> anyhow::Result<usize> {
    let (status, body) = client.ask(Method::GET, &format!("/fhir/Patient/{patient}/$everything"), true, None).await?;
    anyhow::ensure!(status == StatusCode::OK, "$everything answered {status}");
    Ok(body.len())
}

/// `open`: `$everything` of records of a thousand resources.
pub fn open(bench: &Bench) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let site = site(bench).await?;
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

/// `page`: the first page of records of 2,000 and 5,000 resources, and every page of one of 100,000.
pub fn page(bench: &Bench) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let site = site_of(bench, "region", 12, 2_000).await?;
        let (mut times, page) = first_pages(&site, 200).await?;
        bench.report.figure("page", "server_ms_p95", percentile(&mut times, 95), "ms");
        bench.report.figure("page", "server_ms_p50", percentile(&mut times, 50), "ms");
        // What a browser fetches to show it for the first time: the page, and what it links to.
        for card in ["Current medicines", "Current problems", "Newest letters", "What happened last"] {
            anyhow::ensure!(page.contains(card), "the summary has no \"{card}\"");
        }
        anyhow::ensure!(!page.contains("class=\"count\">0<"), "the summary shows nothing of what it should");
        let mut client = Client::connect(site.address).await?;
        client.sign_in().await?;
        let html = client.compressed(&address(site.people.first())?).await?;
        let mut bytes = html;
        for asset in page.split('"').filter(|text| text.starts_with("/assets/")) {
            bytes += client.compressed(asset).await?;
        }
        #[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
        let kb = |bytes: usize| bytes as f64 / 1000.0;
        bench.report.figure("page", "html_compressed_kb", kb(html), "kB");
        bench.report.figure("page", "compressed_kb", kb(bytes), "kB with stylesheet and scripts");
        tokio::task::spawn_blocking(move || site.engine.stop()).await?;

        let site = site_of(bench, "region-5000", 4, 5_000).await?;
        let (mut times, _) = first_pages(&site, 80).await?;
        bench.report.figure("page", "server_ms_p95_5000", percentile(&mut times, 95), "ms, record of 5,000 resources");
        tokio::task::spawn_blocking(move || site.engine.stop()).await?;

        let site = site_of(bench, "region-100000", 1, 100_000).await?;
        reset_rss_max();
        bench.report.figure("page", "rss_mb_before_100000", rss_mb_max(), "MB, before its first page");
        let (mut times, page) = first_pages(&site, 10).await?;
        bench.report.figure(
            "page",
            "server_ms_max_100000",
            percentile(&mut times, 100),
            "ms, record of 100,000 resources",
        );
        let mut client = Client::connect(site.address).await?;
        client.sign_in().await?;
        let mut slowest = Duration::ZERO;
        let own = address(site.people.first())?;
        let links: BTreeSet<&str> = page
            .split("href=\"")
            .filter_map(|rest| rest.split('"').next())
            .filter(|link| {
                link.strip_prefix(&own).is_some_and(|rest| rest.matches('/').count() == 1 && !rest.contains('?'))
            })
            .collect();
        anyhow::ensure!(links.len() > 10, "the first page links to {} sections", links.len());
        for link in links {
            let begin = Instant::now();
            client.page(link).await.with_context(|| link.trim_start_matches(&own).to_owned())?;
            if begin.elapsed() > slowest {
                slowest = begin.elapsed();
                tracing::info!(section = link.trim_start_matches(&own), ms = slowest.as_millis(), "slowest yet");
            }
        }
        bench.report.figure("page", "section_ms_max_100000", slowest.as_secs_f64() * 1000.0, "ms, the slowest section");
        bench.report.figure("page", "rss_mb_max_100000", rss_mb_max(), "MB, all its sections opened");
        tokio::task::spawn_blocking(move || site.engine.stop()).await?;
        Ok(())
    })
}

/// The address of a record.
fn address(patient: Option<&fhir::PatientKey>) -> anyhow::Result<String> {
    Ok(format!("/record/{}", fhir::Region::new("bench").person(*patient.context("nobody")?)))
}

/// Open first pages in turn, one client: how long each took, and the last.
async fn first_pages(site: &Site, count: usize) -> anyhow::Result<(Vec<Duration>, String)> {
    let mut client = Client::connect(site.address).await?;
    client.sign_in().await?;
    let (mut times, mut page) = (Vec::new(), Bytes::new());
    for patient in site.people.iter().cycle().take(count) {
        let path = address(Some(patient))?;
        let begin = Instant::now();
        page = client.page(&path).await?;
        times.push(begin.elapsed());
    }
    Ok((times, String::from_utf8(page.to_vec())?))
}
