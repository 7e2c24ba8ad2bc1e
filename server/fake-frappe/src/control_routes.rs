//! The controls over HTTP, for programs in other languages: `/fake/…`, with JSON.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::asked::Asked;
use crate::controls::{Controls, Facts};
use crate::permissions::Permission;

pub(crate) fn router() -> Router<Controls> {
    Router::new()
        .route("/facts", get(facts))
        .route("/asked", get(asked).delete(forget_asked))
        .route("/in_flight", get(in_flight))
        .route("/delay", post(delay))
        .route("/hang", post(hang))
        .route("/fail", post(fail))
        .route("/close", post(close))
        .route("/behave", post(behave))
        .route("/end_session", post(end_session))
        .route("/end_sessions", post(end_sessions))
        .route("/disable", post(disable))
        .route("/enable", post(enable))
        .route("/user_type", post(user_type))
        .route("/two_factor", post(two_factor))
        .route("/permission", post(permission))
        .route("/visit_desk", post(visit_desk))
        .route("/require_secret", post(require_secret))
        .route("/rotate_secret", post(rotate_secret))
}

/// What went wrong, as a sentence with its status.
type Refusal = (StatusCode, String);

async fn facts(State(controls): State<Controls>) -> Json<Facts> {
    Json(controls.facts())
}

async fn asked(State(controls): State<Controls>) -> Json<Vec<Asked>> {
    Json(controls.asked())
}

async fn forget_asked(State(controls): State<Controls>) {
    controls.forget_asked();
}

async fn in_flight(State(controls): State<Controls>) -> Json<Value> {
    Json(json!({"in_flight": controls.in_flight(), "most_in_flight": controls.most_in_flight()}))
}

#[derive(Deserialize)]
struct Delay {
    milliseconds: u64,
}

async fn delay(State(controls): State<Controls>, Json(body): Json<Delay>) {
    controls.delay(Duration::from_millis(body.milliseconds));
}

#[derive(Deserialize)]
struct Paths {
    /// Paths that contain this; without it, all.
    #[serde(default)]
    path: String,
}

async fn hang(State(controls): State<Controls>, Json(body): Json<Paths>) {
    controls.hang(&body.path);
}

async fn close(State(controls): State<Controls>, Json(body): Json<Paths>) {
    controls.close(&body.path);
}

#[derive(Deserialize)]
struct Failure {
    status: u16,
    #[serde(default)]
    path: String,
}

async fn fail(State(controls): State<Controls>, Json(body): Json<Failure>) {
    controls.fail(&body.path, body.status);
}

async fn behave(State(controls): State<Controls>) {
    controls.behave();
}

#[derive(Deserialize)]
struct Session {
    sid: String,
}

async fn end_session(State(controls): State<Controls>, Json(body): Json<Session>) {
    controls.end_session(&body.sid);
}

async fn visit_desk(State(controls): State<Controls>, Json(body): Json<Session>) -> Response {
    match controls.visit_desk(&body.sid) {
        Some(csrf_token) => Json(json!({"csrf_token": csrf_token})).into_response(),
        None => (StatusCode::NOT_FOUND, "there is no session with this sid").into_response(),
    }
}

#[derive(Deserialize)]
struct User {
    user: String,
}

fn known<'a>(controls: &Controls, user: &'a str) -> Result<&'a str, Refusal> {
    let refusal = || (StatusCode::NOT_FOUND, format!("the fake has no user {user}"));
    controls.has_user(user).then_some(user).ok_or_else(refusal)
}

async fn end_sessions(State(controls): State<Controls>, Json(body): Json<User>) -> Result<(), Refusal> {
    controls.end_sessions_of(known(&controls, &body.user)?);
    Ok(())
}

async fn disable(State(controls): State<Controls>, Json(body): Json<User>) -> Result<(), Refusal> {
    controls.disable(known(&controls, &body.user)?);
    Ok(())
}

async fn enable(State(controls): State<Controls>, Json(body): Json<User>) -> Result<(), Refusal> {
    controls.enable(known(&controls, &body.user)?);
    Ok(())
}

#[derive(Deserialize)]
struct UserType {
    user: String,
    user_type: String,
}

async fn user_type(State(controls): State<Controls>, Json(body): Json<UserType>) -> Result<(), Refusal> {
    controls.set_user_type(known(&controls, &body.user)?, &body.user_type);
    Ok(())
}

#[derive(Deserialize)]
struct TwoFactor {
    user: String,
    required: bool,
}

async fn two_factor(State(controls): State<Controls>, Json(body): Json<TwoFactor>) -> Result<(), Refusal> {
    controls.require_two_factor(known(&controls, &body.user)?, body.required);
    Ok(())
}

#[derive(Deserialize)]
struct SetPermission {
    user: String,
    doctype: String,
    /// Empty for the doctype.
    #[serde(default)]
    name: String,
    /// `null` takes back what was set.
    permission: Option<Permission>,
}

async fn permission(State(controls): State<Controls>, Json(body): Json<SetPermission>) {
    let SetPermission { user, doctype, name, permission } = body;
    match permission {
        Some(permission) => controls.set_permission(&user, &doctype, &name, permission),
        None => controls.clear_permission(&user, &doctype, &name),
    }
}

#[derive(Deserialize)]
struct Required {
    required: bool,
}

async fn require_secret(State(controls): State<Controls>, Json(body): Json<Required>) {
    controls.require_secret(body.required);
}

async fn rotate_secret(State(controls): State<Controls>) -> Result<Json<Value>, Refusal> {
    match controls.rotate_secret().await {
        Ok(secret) => Ok(Json(json!({"secret": secret}))),
        Err(error) => Err((StatusCode::BAD_GATEWAY, format!("Redis cannot be written ({error})"))),
    }
}
