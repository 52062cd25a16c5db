//! Bodies on their way in and out: compressed before the transaction, decompressed with a bound.

use std::io::{self, Read};

use bytes::Bytes;

use crate::Error;

/// The longest body that is taken: the door's limit (25 MiB) and some slack.
pub(crate) const MOST_BYTES: usize = 32 * 1024 * 1024;
/// Longer ones are compressed on a thread that may block.
const SMALL_BYTES: usize = 256 * 1024;
/// At level 1 a body costs well under a millisecond and shrinks about as much as at higher levels.
const LEVEL: i32 = 1;

pub(crate) async fn compress(body: Bytes) -> Result<Vec<u8>, Error> {
    if body.len() > MOST_BYTES {
        return Err(Error::TooLarge { bytes: body.len() });
    }
    let packed = if body.len() <= SMALL_BYTES {
        zstd::encode_all(body.as_ref(), LEVEL)
    } else {
        tokio::task::spawn_blocking(move || zstd::encode_all(body.as_ref(), LEVEL))
            .await
            .map_err(io::Error::other)
            .flatten()
    };
    packed.map_err(|_| Error::unreadable("a body to compress"))
}

/// The inverse. What does not decompress within the bound is unreadable.
pub(crate) fn decompress(packed: &[u8]) -> Result<Vec<u8>, Error> {
    let unreadable = |_| Error::unreadable("a stored body");
    let mut body = Vec::new();
    let mut reader = zstd::Decoder::new(packed).map_err(unreadable)?.take(MOST_BYTES as u64 + 1);
    reader.read_to_end(&mut body).map_err(unreadable)?;
    if body.len() > MOST_BYTES {
        return Err(Error::unreadable("a stored body"));
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_come_back_as_they_went() {
        for body in [Bytes::new(), Bytes::from_static(b"{}"), Bytes::from(vec![b'x'; 1 << 20])] {
            let packed = compress(body.clone()).await.unwrap();
            assert_eq!(decompress(&packed).unwrap(), body);
        }
    }

    #[tokio::test]
    async fn a_body_over_the_bound_is_refused_both_ways() {
        let body = vec![0; MOST_BYTES + 1];
        let packed = zstd::encode_all(body.as_slice(), LEVEL).unwrap();
        assert!(matches!(decompress(&packed), Err(Error::Unreadable { .. })));
        assert!(matches!(compress(body.into()).await, Err(Error::TooLarge { .. })));
    }

    #[test]
    fn a_damaged_body_is_unreadable_not_empty() {
        let packed = zstd::encode_all(&b"some body, long enough"[..], LEVEL).unwrap();
        assert!(decompress(&packed[..packed.len() - 3]).is_err());
        assert!(decompress(b"not zstd").is_err());
    }
}
