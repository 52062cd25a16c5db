//! Places of their own for the routes that say how the program is: they share nothing with other
//! requests, and strangers cannot take them all.

use std::net::Ipv4Addr;
use std::net::{IpAddr, Ipv6Addr};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use crate::caller::Caller;
use crate::metrics::{ListenerMetrics, Metrics, RefusalReason};
use crate::places::{PlaceLimits, Places};
use crate::proven::Standing;

/// Each such request reads the program's state from disk, so a few at a time are enough.
const LIMITS: PlaceLimits = PlaceLimits {
    requests: 16,
    bytes: 0,
    requests_per_client: 4,
    bytes_per_client: 0,
    reserved_percent: 50,
};

#[derive(Clone)]
struct HealthPlaces {
    /// For programs on this machine.
    own: Places,
    /// For everybody else, half of them for proven clients.
    others: Places,
    metrics: ListenerMetrics,
}

/// Gives `routes` places of their own, and some of these to this machine alone.
pub fn in_places_of_their_own(routes: Router, metrics: &Metrics, listener: &'static str) -> Router {
    let (own, others) = (Places::new(LIMITS), Places::new(LIMITS));
    let places = HealthPlaces { own, others, metrics: metrics.of(listener) };
    routes.layer(from_fn_with_state(places, answer))
}

async fn answer(State(health): State<HealthPlaces>, request: Request, next: Next) -> Response {
    let caller = Caller::of(request.extensions());
    let place = if is_this_machines(&caller) {
        health.own.take_for(caller.network(), Standing::Proven)
    } else {
        health.others.take(&caller)
    };
    // An answer is made in a moment; nobody has to give one up.
    let Ok(place) = place.and_then(|place| place.keep().map(|()| place)) else {
        health.metrics.refused(RefusalReason::Health);
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response();
    };
    let response = next.run(request).await;
    drop(place);
    response
}

/// Returns whether the caller uses the address by which programs on this machine ask.
fn is_this_machines(caller: &Caller) -> bool {
    let usual = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].map(Into::into);
    caller.is_local() && usual.contains(&caller.network())
}
