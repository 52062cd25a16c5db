//! The traffic to Jira as `/metrics` tells it, read from the pace at the time of the scrape.

use jira::pace::{EndpointState, Pace};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

/// Registers the numbers of this pace.
pub(super) fn register(pace: &Pace, registry: &mut Registry) {
    registry.register_collector(Box::new(Traffic(pace.clone())));
}

#[derive(Debug)]
struct Traffic(Pace);

impl Collector for Traffic {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> std::fmt::Result {
        let state = self.0.state();
        let requests = |endpoint: &EndpointState| endpoint.sent;
        let throttled = |endpoint: &EndpointState| endpoint.throttled;
        let help = "Requests that were sent to Jira";
        each(&mut to, ("jiralake_jira_requests", help), &state.endpoints, requests)?;
        let help = "Requests that Jira answered with 429";
        each(&mut to, ("jiralake_jira_throttled", help), &state.endpoints, throttled)?;
        let held_back = ConstCounter::new(state.held_back);
        let help = "Requests that were not sent, because they would have had to wait for long";
        let name = "jiralake_jira_held_back";
        held_back.encode(to.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        for (name, help, n) in [
            ("jiralake_jira_in_flight", "Requests to Jira without an answer yet", state.in_flight),
            ("jiralake_jira_waiting", "Requests that wait for their turn", state.waiting),
        ] {
            let gauge = ConstGauge::new(i64::try_from(n).unwrap_or(i64::MAX));
            gauge.encode(to.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        let own = state.endpoints.iter().map(|endpoint| endpoint.paused).max();
        let paused = state.paused.max(own.unwrap_or_default()).as_secs_f64();
        let help = "How long the longest pause that Jira asked for still lasts";
        let seconds = Some(&Unit::Seconds);
        let encoder =
            to.encode_descriptor("jiralake_jira_paused", help, seconds, MetricType::Gauge);
        ConstGauge::new(paused).encode(encoder?)
    }
}

/// One counter with an endpoint and method each.
fn each(
    to: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    endpoints: &[EndpointState],
    count: impl Fn(&EndpointState) -> u64,
) -> std::fmt::Result {
    let mut family: MetricEncoder<'_> =
        to.encode_descriptor(name, help, None, MetricType::Counter)?;
    for endpoint in endpoints {
        let labels = [("endpoint", endpoint.name), ("method", endpoint.method.as_str())];
        ConstCounter::new(count(endpoint)).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
