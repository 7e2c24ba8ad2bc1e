//! The `frappe-live` binary: reads what was asked for and puts the parts together.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::error::ErrorKind;
use realtime::handlers::Publisher;
use server::authz::{Authority, AuthorityParts};
use server::bridge::embedded::{self, EmbeddedBus};
use server::bridge::intake::Intake;
use server::bridge::publisher::BusPublisher;
use server::bridge::redis::{Bridge, OwnChannel};
use server::bridge::speaker::{Emits, Speaker};
use server::bridge::{self, BridgeState, BridgeStatus};
use server::config::{Cli, Command, DEFAULT_SITE, PublishArgs, ServeArgs, SettingError, Settings, sentence_of};
use server::engine::{Engine, Written, new_epoch};
use server::http::{App, AssetNames, Parts};
use server::presence::{Presence, Rhythm};
use server::publish;
use server::redis_address::RedisAddress;
use server::seal::Sealer;
use server::site::Site;
use server::site::demo::DemoSite;
use server::site::frappe::FrappeSite;
use server::stopping;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{interval, sleep, timeout};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// How long connections may take to end when the server stops.
const DRAIN: Duration = Duration::from_secs(8);
/// How long pages wait at the start until it is known how other servers number events.
const AGREEMENT: Duration = Duration::from_millis(1500);
/// How often sites where nothing happens let go of old events.
const SWEEP: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => error.exit(),
        Err(error) => return refuse(&sentence_of(&error)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&format!("the operating system gives no threads or sockets ({error})")),
    };
    let outcome = match cli.command {
        Some(Command::Publish(args)) => runtime.block_on(publish_command(*args)),
        Some(Command::Serve(args)) => runtime.block_on(serve(*args)),
        None => runtime.block_on(serve(cli.serve)),
    };
    // A look-up or a slow peer must not keep the process.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error.to_string()),
    }
}

fn refuse(problem: &str) -> ExitCode {
    eprintln!("frappe-live: {problem}");
    ExitCode::from(2)
}

async fn publish_command(args: PublishArgs) -> Result<(), SettingError> {
    let PublishArgs { event, message, user, doctype, docname, task_id, room, site, redis } = args;
    // The variables are those of `serve`, where they may hold several: the first is where Frappe publishes.
    let first = |texts: Option<String>| texts.as_deref().and_then(|texts| texts.split(',').next()).map(str::to_owned);
    let redis = first(redis).filter(|url| !url.is_empty()).ok_or_else(|| {
        SettingError::new("--redis", "say where to publish: the bench's redis_queue, like redis://127.0.0.1:11000")
    })?;
    let address = RedisAddress::parse(&redis).map_err(|error| SettingError::new("--redis", error))?;
    let site = first(site).unwrap_or_else(|| DEFAULT_SITE.to_owned());
    let request = publish::Request { event, message, user, doctype, docname, task_id, room, site };
    let refuse = |error: publish::PublishError| SettingError::new("publish", error);
    let published = publish::payload(&request).map_err(refuse)?;
    let subscribers = publish::publish(&address, &published.payload).await.map_err(refuse)?;
    let noun = if subscribers == 1 { "subscriber" } else { "subscribers" };
    // The event is out, whether or not anybody reads this.
    let _ = writeln!(
        std::io::stdout(),
        "{subscribers} {noun} got \"{}\" for room {} of site {}.",
        published.event,
        published.room,
        published.site
    );
    Ok(())
}

async fn serve(args: ServeArgs) -> Result<(), SettingError> {
    let settings = Settings::new(args)?;
    begin_to_log(settings.log_level);
    let listener = server::http::listen(settings.listen)
        .map_err(|error| SettingError::new("--listen", format_args!("{} cannot be used ({error})", settings.listen)))?;
    let address = listener.local_addr().map_err(|error| SettingError::new("--listen", error))?;
    any_spawner::Executor::init_tokio().map_err(|error| SettingError::new("start", error))?;

    let mut signals = Signals::listen();
    let engine = Arc::new(Engine::new(&settings.sites, settings.limits.history));
    let (stop, stopping) = stopping::channel();
    let (bridges, publisher) = start_bridges(&settings, &engine);
    if settings.redis.is_empty() {
        wait_for_the_demo(&engine).await;
    } else {
        // A Redis that is away is no reason to wait longer: pages are told.
        let _ = timeout(AGREEMENT, wait_for_the_source(&engine, &bridges)).await;
    }
    let rhythm = Rhythm::with_grace(settings.limits.viewer_grace);
    let presence = match settings.redis.first() {
        Some(address) => Presence::on_redis(Arc::clone(&engine), rhythm, address.clone()),
        None => Presence::embedded(Arc::clone(&engine), rhythm),
    };
    let site: Arc<dyn Site> = match &settings.frappe {
        Some(url) => Arc::new(FrappeSite::new(url.clone(), &settings.sites, &settings.redis, settings.limits.ask)),
        None => Arc::new(DemoSite),
    };
    let sealer = Arc::new(Sealer::new(settings.secrets.reveal()));
    let authority = Arc::new(Authority::new(AuthorityParts {
        site,
        sealer: Arc::clone(&sealer),
        rules: settings.room_rules.clone(),
        open_tasks: settings.open_tasks,
        kept_for: settings.limits.answers_kept_for,
    }));
    let assets = AssetNames::find();
    let tasks = TaskTracker::new();
    let app = App::new(Parts {
        engine: Arc::clone(&engine),
        authority,
        sealer,
        handlers: app::handlers::handlers(),
        publisher,
        presence: Arc::new(presence),
        bridges,
        assets: assets.clone().unwrap_or_else(AssetNames::missing),
        allowed_origins: settings.allowed_origins.clone(),
        frame_ancestors: settings.frame_ancestors.clone(),
        trust_proxy: settings.trust_proxy,
        limits: settings.limits,
        dev_reload: settings.dev_reload,
        stopping: stopping.clone(),
        tasks: tasks.clone(),
    });
    introduce(&settings, address, assets.as_ref());
    warn_of_a_demo_on_a_real_bus(&settings);

    let serving = tokio::spawn(server::http::serve(listener, app.router(), tasks.clone(), stopping));
    signals.next().await;
    let pages = engine.connections();
    info!("Stopping: no new connections; {pages} pages are told to come back.");
    stop.stop(pages);
    // Ends by itself as soon as it is told; it holds nothing that could panic.
    let _ = serving.await;
    tasks.close();
    tokio::select! {
        drained = timeout(DRAIN, tasks.wait()) => {
            let cut = stop.cut() + drained.map_or_else(|_| tasks.len(), |()| 0);
            if cut > 0 {
                warn!("Stopped; {cut} connections were cut, which had not read all or did not end.");
            } else {
                info!("Stopped; every page has read all that was for it.");
            }
        }
        () = signals.next() => warn!("Stopped at once; {} connections were cut.", tasks.len()),
    }
    Ok(())
}

/// Logs at this level what is ours. Libraries say less: at `trace` they write down whole frames and requests, with
/// what is secret in them.
fn begin_to_log(level: LevelFilter) {
    let ours = ["server", "app", "realtime", "frappe_live"];
    let targets =
        Targets::new().with_default(level.min(LevelFilter::INFO)).with_targets(ours.map(|ours| (ours, level)));
    let lines = fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines.with_filter(targets)).init();
}

/// Starts what events come from, and what handlers publish on.
fn start_bridges(settings: &Settings, engine: &Arc<Engine>) -> (Vec<Arc<BridgeStatus>>, Arc<dyn Publisher>) {
    let (arrivals, arrived) = bridge::channel();
    let instance = new_epoch();
    let intake = Intake::new(Arc::clone(engine), &instance);
    let swept = Arc::clone(engine);
    tokio::spawn(async move {
        let mut sweeps = interval(SWEEP);
        loop {
            sweeps.tick().await;
            swept.forget_old();
        }
    });
    let Some(first) = settings.redis.first() else {
        let (bus, status) = EmbeddedBus::new(arrivals);
        let site = engine.default_site().name().to_owned();
        let publisher = BusPublisher::embedded(bus.clone());
        tokio::spawn(bridge::pump(intake, None, arrived));
        tokio::spawn(embedded::publish_the_articles_loop(bus, site));
        return (vec![status], Arc::new(publisher));
    };
    // There are no pages yet that could be told.
    engine.source_lost(&mut Written::default());
    engine.speak_to(Arc::new(Emits::new(instance, first.clone())));
    tokio::spawn(bridge::pump(intake, Some(Speaker::of_answers(first.clone())), arrived));
    let start = |(id, address): (usize, &RedisAddress)| {
        let status = Arc::new(BridgeStatus::new(address.to_string()));
        let own_channel = match (id, settings.redis.len()) {
            (0, 1) => OwnChannel::Agreed { default_site: engine.default_site().name().to_owned() },
            (0, _) => OwnChannel::Heard,
            _ => OwnChannel::Ignored,
        };
        let bridge = Bridge { id, address: address.clone(), own_channel };
        tokio::spawn(bridge::redis::run(bridge, arrivals.clone(), Arc::clone(&status)));
        status
    };
    // The first is where Frappe publishes, too.
    (settings.redis.iter().enumerate().map(start).collect(), Arc::new(BusPublisher::redis(first.clone())))
}

/// Waits until what is published is heard, and every Redis has been tried.
async fn wait_for_the_source(engine: &Engine, bridges: &[Arc<BridgeStatus>]) {
    while !engine.source_connected() || bridges.iter().any(|bridge| bridge.state() == BridgeState::Connecting) {
        sleep(Duration::from_millis(5)).await;
    }
}

/// The very first page of the demo holds a value too.
async fn wait_for_the_demo(engine: &Engine) {
    while engine.counters().accepted() == 0 {
        tokio::task::yield_now().await;
    }
}

/// Says what the server uses, without secrets. Scripts wait for the first line.
fn introduce(settings: &Settings, address: std::net::SocketAddr, assets: Option<&AssetNames>) {
    eprintln!("frappe-live {} at http://{address}/live/", env!("CARGO_PKG_VERSION"));
    eprintln!("  sites   {} (default first)", settings.sites.join(", "));
    match settings.redis.as_slice() {
        [] => eprintln!("  events  embedded bus; the demo publishes \"count\" once a second"),
        addresses => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            eprintln!("  events  {} (channel {})", addresses.join(", "), publish::CHANNEL);
        }
    }
    match &settings.frappe {
        Some(url) => eprintln!("  frappe  {url}"),
        None => eprintln!("  frappe  none: this is the demo, and its embedded site says who you are"),
    }
    if settings.trust_proxy {
        eprintln!("  proxy   trusted: it must overwrite X-Frappe-Site-Name and every X-Forwarded-… header");
    }
    match assets {
        Some(assets) => eprintln!("  build   {}", assets.build()),
        None => eprintln!("  build   none: pages stay as rendered; build with cargo xtask run or cargo xtask dist"),
    }
}

fn warn_of_a_demo_on_a_real_bus(settings: &Settings) {
    if settings.redis.is_empty() || settings.frappe.is_some() {
        return;
    }
    if settings.listen.ip().is_loopback() {
        warn!(
            "--redis without --frappe: every visitor is the demo's Administrator and reads the bench's events. \
             Give --frappe, so that the bench says who somebody is."
        );
    } else {
        warn!(
            "--redis without --frappe on {}, which other machines may reach: ANYBODY there is Administrator and reads \
             the bench's events, without signing in. Give --frappe, or listen on 127.0.0.1.",
            settings.listen
        );
    }
}

/// The signals that ask the server to stop.
struct Signals([Option<Signal>; 2]);

impl Signals {
    fn listen() -> Self {
        Self([SignalKind::terminate(), SignalKind::interrupt()].map(|kind| {
            // Without a handler the signal ends the process, as it does everywhere.
            signal(kind).inspect_err(|error| warn!("A signal cannot be handled: {error}.")).ok()
        }))
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        async fn of(signal: &mut Option<Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        let [terminate, interrupt] = &mut self.0;
        tokio::select! {
            () = of(terminate) => {}
            () = of(interrupt) => {}
        }
    }
}
