//! The word that the server stops, for everything that runs.

use tokio::sync::watch;

/// Says that the server stops.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

/// Hears that the server stops.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<bool>);

/// The two ends of the word.
#[must_use]
pub fn channel() -> (Stop, Stopping) {
    let (stop, stopping) = watch::channel(false);
    (Stop(stop), Stopping(stopping))
}

impl Stop {
    /// Says it.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stopping {
    /// Waits until it is said. A server that is gone has said it too.
    pub async fn stopped(&mut self) {
        drop(self.0.wait_for(|stopping| *stopping).await);
    }
}
