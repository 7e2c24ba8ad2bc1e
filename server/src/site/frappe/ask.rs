//! One question to Frappe: in turn, within a time, and at the configured address only.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, StatusCode, header, redirect};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::GUEST;
use super::permission::PermissionApi;
use crate::site::{AskError, Credential};

/// The longest answer that is read: those to our questions are of some hundred bytes.
const ANSWER_BYTES: usize = 1 << 20;

/// How a bench may be asked.
#[derive(Debug, Clone, Copy)]
pub struct AskLimits {
    /// Questions to one site at a time: a bench has work of its own.
    pub questions_at_a_time: usize,
    /// How long an answer may take, waiting for a turn included. Half of what a page gives its whole
    /// handshake, so that the page still hears why.
    pub patience: Duration,
}

/// The way to a bench.
#[derive(Debug)]
pub(super) struct Asking {
    client: Client,
    address: Url,
    patience: Duration,
    sites: HashMap<String, SiteState>,
}

/// What is kept of one site.
#[derive(Debug)]
struct SiteState {
    turns: Arc<Semaphore>,
    /// Fewer: however many rooms are asked about, pages still find out who looks at them.
    turns_about_rooms: Arc<Semaphore>,
    permission_api: PermissionApi,
}

/// What Frappe answered. Its headers may hold a session.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Asking {
    pub(super) fn new(mut address: Url, sites: &[String], limits: AskLimits) -> Self {
        if !address.path().ends_with('/') {
            address.set_path(&format!("{}/", address.path()));
        }
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build();
        let all = limits.questions_at_a_time;
        let state = || SiteState {
            turns: Arc::new(Semaphore::new(all)),
            turns_about_rooms: Arc::new(Semaphore::new((all - all.div_ceil(4)).max(1))),
            permission_api: PermissionApi::default(),
        };
        Self {
            client: client.expect("a client without TLS and files to read can be made"),
            address,
            patience: limits.patience,
            sites: sites.iter().map(|site| (site.clone(), state())).collect(),
        }
    }

    /// Begins a question to a whitelisted method, like `frappe.realtime.get_user_info`.
    ///
    /// The site is named in the `Host` and in the header that bench's nginx uses. Frappe takes a session
    /// before a token (captures of 14 to 16): only the one that counts is shown.
    pub(super) fn method(&self, method: Method, site: &str, name: &str, credential: &Credential) -> RequestBuilder {
        let url = self.address.join("api/method/").and_then(|methods| methods.join(name));
        let url = url.expect("a method's name can be joined to an address");
        let request = self.client.request(method, url).header(header::HOST, site).header("X-Frappe-Site-Name", site);
        let request = request.header(header::ACCEPT, "application/json");
        match credential {
            Credential::Nobody => request,
            Credential::Authorization(value) => request.header(header::AUTHORIZATION, &**value),
            Credential::Session(sid) if **sid == *GUEST => request,
            Credential::Session(sid) => request.header(header::COOKIE, format!("sid={sid}")),
        }
    }

    /// Asks when it is this site's turn.
    pub(super) async fn ask(&self, site: &str, question: RequestBuilder) -> Result<Reply, AskError> {
        let deadline = Instant::now() + self.patience;
        self.ask_by(deadline, site, question, None).await
    }

    /// Asks about a room, when it is this site's turn for that.
    pub(super) async fn ask_about_a_room(&self, site: &str, question: RequestBuilder) -> Result<Reply, AskError> {
        let deadline = Instant::now() + self.patience;
        let turn = self.turn(&self.state(site)?.turns_about_rooms, deadline).await?;
        self.ask_by(deadline, site, question, Some(turn)).await
    }

    async fn turn(&self, turns: &Arc<Semaphore>, deadline: Instant) -> Result<OwnedSemaphorePermit, AskError> {
        // Who has waited for most of the time would not get an answer in the rest of it.
        let last_turn = deadline - self.patience / 3;
        let turn = timeout_at(last_turn, Arc::clone(turns).acquire_owned()).await.map_err(|_| AskError::Busy)?;
        Ok(turn.expect("the semaphore is never closed"))
    }

    async fn ask_by(
        &self,
        deadline: Instant,
        site: &str,
        question: RequestBuilder,
        turn_about_a_room: Option<OwnedSemaphorePermit>,
    ) -> Result<Reply, AskError> {
        let turn = self.turn(&self.state(site)?.turns, deadline).await?;
        // By itself from here on: a bench goes on working when the one who asks hangs up, and its turn is not
        // free before.
        let asking = tokio::spawn(async move {
            let _turns = (turn, turn_about_a_room);
            timeout_at(deadline, send(question)).await
        });
        let answer = asking.await.ok().and_then(Result::ok);
        answer.unwrap_or_else(|| {
            let problem = format!("no answer within {} seconds", self.patience.as_secs());
            Err(AskError::Unreachable { problem })
        })
    }

    /// How long an answer may take.
    pub(super) const fn patience(&self) -> Duration {
        self.patience
    }

    /// How this site's permissions are asked for, as far as is known.
    pub(super) fn permission_api(&self, site: &str) -> Result<&PermissionApi, AskError> {
        self.state(site).map(|state| &state.permission_api)
    }

    fn state(&self, site: &str) -> Result<&SiteState, AskError> {
        self.sites.get(site).ok_or_else(|| AskError::UnknownSite { site: site.to_owned() })
    }
}

async fn send(question: RequestBuilder) -> Result<Reply, AskError> {
    let unreachable = |error: reqwest::Error| AskError::Unreachable { problem: sentence_of(&error) };
    let mut answer = question.send().await.map_err(unreachable)?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES {
            let hint = ": it is longer than any answer of Frappe's";
            return Err(AskError::Unexpected { status: status.as_u16(), hint });
        }
    }
    Ok(Reply { status, headers, body })
}

/// The innermost cause: "error sending request" alone helps nobody, and the outer words hold the URL.
fn sentence_of(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use reqwest::Method;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::time::{Instant, timeout};

    use super::{AskLimits, Asking};
    use crate::site::{AskError, Credential};

    const PATIENCE: Duration = Duration::from_secs(5);
    const SITE: &str = "a.example";

    async fn silent_bench(questions_at_a_time: usize) -> (TcpListener, Arc<Asking>) {
        let bench = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", bench.local_addr().expect("bound")).parse().expect("a URL");
        let limits = AskLimits { questions_at_a_time, patience: PATIENCE };
        (bench, Arc::new(Asking::new(address, &[SITE.to_owned()], limits)))
    }

    async fn ask(asking: &Asking) -> Option<AskError> {
        let question = asking.method(Method::GET, SITE, "ping", &Credential::Session("0123".into()));
        asking.ask(SITE, question).await.err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_bench_is_given_up_before_the_page_gives_up() {
        let (_bench, asking) = silent_bench(32).await;
        let asked = Instant::now();
        let error = ask(&asking).await;
        assert_eq!(error, Some(AskError::Unreachable { problem: "no answer within 5 seconds".to_owned() }));
        assert!(asked.elapsed() < PATIENCE + Duration::from_millis(100), "{:?}", asked.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_gets_a_turn_is_told_that_frappe_is_busy() {
        let (_bench, asking) = silent_bench(1).await;
        let (first, second) = tokio::join!(ask(&asking), ask(&asking));
        assert!(matches!(first, Some(AskError::Unreachable { .. })), "{first:?}");
        assert_eq!(second, Some(AskError::Busy));
    }

    #[tokio::test]
    async fn a_site_of_no_configuration_is_not_asked_for() {
        let (_bench, asking) = silent_bench(1).await;
        let question = asking.method(Method::GET, "evil.example", "ping", &Credential::Nobody);
        let error = asking.ask("evil.example", question).await.err();
        assert!(matches!(error, Some(AskError::UnknownSite { .. })), "{error:?}");
    }

    #[tokio::test]
    async fn many_questions_at_once_reach_the_bench_a_few_at_a_time() {
        let (bench, asking) = silent_bench(8).await;
        for _ in 0..16 {
            let asking = Arc::clone(&asking);
            tokio::spawn(async move { ask(&asking).await });
        }
        let mut asked = Vec::new();
        while asked.len() < 8 {
            asked.push(bench.accept().await.expect("a question"));
        }
        let another = timeout(Duration::from_millis(200), bench.accept()).await;
        assert!(another.is_err(), "all turns are taken");
        asked.pop();
        timeout(PATIENCE, bench.accept()).await.expect("the next has its turn").expect("a question");
    }

    /// Hanging up gave the turn back while the bench went on working: the bound was none.
    #[tokio::test]
    async fn a_turn_is_not_free_when_the_asker_hangs_up() {
        let (bench, asking) = silent_bench(2).await;
        let mut asked = Vec::new();
        for _ in 0..2 {
            let hung_up = timeout(Duration::from_millis(50), ask(&asking)).await;
            assert!(hung_up.is_err());
            asked.push(bench.accept().await.expect("a question"));
        }
        let waiting = tokio::spawn(async move { ask(&asking).await });
        let another = timeout(Duration::from_millis(200), bench.accept()).await;
        assert!(another.is_err(), "both turns are taken");
        asked.pop();
        timeout(PATIENCE, bench.accept()).await.expect("the next has its turn").expect("a question");
        waiting.abort();
    }

    /// An answer without an end filled the memory.
    #[tokio::test]
    async fn an_answer_that_does_not_end_is_cut() {
        let (bench, asking) = silent_bench(2).await;
        let written = tokio::spawn(async move {
            let (mut line, _) = bench.accept().await.expect("a question");
            line.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.expect("open");
            let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
            let mut written = 0;
            while line.write_all(&chunk).await.is_ok() {
                written += chunk.len();
            }
            written
        });
        let error = ask(&asking).await;
        assert!(matches!(error, Some(AskError::Unexpected { .. })), "{error:?}");
        let written = timeout(PATIENCE, written).await.expect("the line is closed").expect("no panic");
        assert!(written < 32 << 20, "{written} bytes were taken");
    }
}
