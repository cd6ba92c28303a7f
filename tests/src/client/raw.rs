//! A bare connection, for requests that no client would send: malformed, slow, cut short.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Origin;

/// The most that is read into memory.
const READ_MAX: u64 = 128 * 1024 * 1024;

/// A TCP connection that writes what it is given.
#[derive(Debug)]
pub struct RawConnection {
    stream: TcpStream,
}

impl RawConnection {
    /// Connects to where a URL leads.
    ///
    /// # Errors
    ///
    /// When the URL is wrong or nobody listens.
    pub async fn open(url: &str) -> io::Result<RawConnection> {
        let (origin, _) = Origin::of(url)?;
        Ok(RawConnection { stream: origin.connect().await? })
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    ///
    /// When the other side has closed.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    /// Says that nothing more will be written; the answer can still be read.
    ///
    /// # Errors
    ///
    /// When the other side has closed.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Reads until the other side closes, at most 128 MiB. A reset is the end too: what came before it is what came.
    ///
    /// # Errors
    ///
    /// When reading fails otherwise.
    pub async fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        let mut stream = (&mut self.stream).take(READ_MAX);
        match stream.read_to_end(&mut read).await {
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
            _ => Ok(read),
        }
    }

    /// Reads this many bytes.
    ///
    /// # Errors
    ///
    /// When reading fails or the other side closes before.
    pub async fn read_exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut read = vec![0; length];
        self.stream.read_exact(&mut read).await?;
        Ok(read)
    }

    /// Reads until a text has come, or the end.
    ///
    /// # Errors
    ///
    /// When reading fails.
    pub async fn read_until(&mut self, text: &str) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        let wanted = text.as_bytes();
        let mut byte = [0];
        while !read.ends_with(wanted) && self.stream.read(&mut byte).await? == 1 {
            read.push(byte[0]);
        }
        Ok(read)
    }
}
