//! `jiralake health`: asks a running `serve` whether it is ready, and says so by its exit code. For
//! containers that hold nothing but this binary.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use crate::cli::Common;
use crate::exit::Done;
use crate::report;

/// Who has not answered by then is not ready.
const PATIENCE: Duration = Duration::from_secs(4);

/// Ask a running `serve` whether it is ready: exit code 0 if it is, 1 if not.
#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Where `serve` listens [default: http://, then webhook.listen]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl Health {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let base = match self.url {
            Some(url) => url,
            None => {
                let listen = common.load(&[])?.settings.webhook.listen;
                format!("http://{}", from_here(listen))
            }
        };
        let url = format!("{}/readyz", base.trim_end_matches('/'));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let status = runtime.block_on(ask(&url)).with_context(|| format!("{url} is not ready"))?;
        let ready = status == 200;
        if common.json {
            report::data(json!({"url": url, "ready": ready, "status": status}))?;
        }
        if !ready {
            bail!("{url} is not ready: it answered {status}");
        }
        if !common.json {
            report::data("ready")?;
        }
        Ok(Done::All)
    }
}

/// The address to ask where a door listens on all of them.
fn from_here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn ask(url: &str) -> Result<u16, reqwest::Error> {
    // A provider that is installed already is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder()
        // A proxy of the environment is for Jira, not for the way to ourselves.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()?;
    Ok(client.get(url).send().await.map_err(reqwest::Error::without_url)?.status().as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(listen: &str, asked: &str) {
        assert_eq!(from_here(listen.parse().unwrap()).to_string(), asked);
    }

    #[test]
    fn a_door_on_all_addresses_is_asked_on_the_loopback() {
        check("0.0.0.0:8080", "127.0.0.1:8080");
        check("[::]:8080", "[::1]:8080");
        check("10.1.2.3:80", "10.1.2.3:80");
    }
}
