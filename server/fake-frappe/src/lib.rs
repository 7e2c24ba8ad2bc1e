//! A Frappe for tests and development, made of what real Frappe 14, 15 and 16 answered, and able to be slow, to
//! fail and to change its mind.
//!
//! ```no_run
//! # async fn example() {
//! use fake_frappe::{ALICE, FakeFrappe, Permission, Version};
//!
//! let frappe = FakeFrappe::start(Version::V16).await;
//! let address = frappe.url(); // for requests with the `Host` of `frappe.site()`
//! frappe.set_permission(ALICE, "ToDo", &frappe.todo_of_alice(), Permission::Deny);
//! frappe.fail("get_user_info", 503);
//! assert!(frappe.asked().is_empty());
//! # }
//! ```

mod answer;
mod asked;
mod caller;
mod captures;
mod control_routes;
mod controls;
mod cookies;
mod http;
mod login;
mod people;
mod permissions;
mod random;
mod record;
mod recorded;
mod running;
mod sessions;
mod site;
mod trouble;
mod version;

pub use asked::Asked;
pub use controls::{Controls, Facts};
pub use people::{ADMINISTRATOR, ALICE, BOB, CAROL, GUEST};
pub use permissions::Permission;
pub use running::FakeFrappe;
pub use version::{UnknownVersion, Version};
