//! What pages share.

pub mod connection_banner;
pub mod connection_status;
#[cfg(feature = "ssr")]
pub mod count_scene;
#[cfg(feature = "ssr")]
pub mod demo_banner;
#[cfg(feature = "ssr")]
pub mod header;
pub mod person;
#[cfg(feature = "ssr")]
pub mod session_notice;
#[cfg(feature = "ssr")]
pub mod together_scene;
#[cfg(feature = "ssr")]
pub mod trouble;
pub mod viewers;
