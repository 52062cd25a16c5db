//! Working through what is due: here, or by the `serve` that runs.

use std::time::Duration;

use anyhow::bail;
use tokio::time::sleep;

use crate::daemon::Alone;

/// Between two looks at how much is left.
const TICK: Duration = Duration::from_millis(200);

/// Waits until nothing is left, as `left` counts it. `told` hears of every count.
pub(crate) async fn through(
    alone: &mut Alone,
    left: impl AsyncFn(&Alone) -> anyhow::Result<u64>,
    mut told: impl FnMut(u64),
) -> anyhow::Result<()> {
    loop {
        let open = left(alone).await?.max(alone.in_hand());
        told(open);
        if open == 0 {
            return Ok(());
        }
        tokio::select! {
            () = sleep(TICK) => {}
            broken = alone.broken() => return Err(broken),
            pressed = tokio::signal::ctrl_c() => {
                pressed?;
                bail!("stopped; what is left stays due, and a later run goes on with it");
            }
        }
    }
}
