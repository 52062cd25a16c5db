//! A raw connection, for what no well-behaved client does.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Open, SECRET, sign, soon};

pub(crate) struct Talk(pub(crate) TcpStream);

impl Talk {
    pub(crate) async fn to(door: &Open) -> Self {
        Self(TcpStream::connect(door.address).await.unwrap())
    }

    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends a header that announces `body` and returns when the door is reading it.
    pub(crate) async fn announce(&mut self, body: &str) {
        let (length, signature) = (body.len(), sign(SECRET, body.as_bytes()));
        self.say(format!(
            "POST /webhooks/jira HTTP/1.1\r\nHost: door\r\nContent-Length: {length}\r\n\
             X-Hub-Signature: {signature}\r\nExpect: 100-continue\r\n\r\n"
        ))
        .await;
        let mut answer = [0; 25];
        soon(self.0.read_exact(&mut answer)).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    /// Everything until the door hangs up.
    pub(crate) async fn rest(&mut self) -> String {
        let mut text = Vec::new();
        soon(self.0.read_to_end(&mut text)).await.unwrap();
        String::from_utf8(text).unwrap()
    }

    /// One answer: its header and as much as came with it.
    pub(crate) async fn hear(&mut self) -> String {
        let mut text = vec![0; 4096];
        let read = soon(self.0.read(&mut text)).await.unwrap();
        text.truncate(read);
        String::from_utf8(text).unwrap()
    }
}
