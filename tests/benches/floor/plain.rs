//! The plain handler: the least server that stores an object with the digest that S3 needs for its ETag.
//!
//! HTTP/1.1 over tokio, on one thread. The object is a file, as it is in hardcap, and no more of it than a piece is in memory.
//! There is no bucket, no signature, no other digest and no metadata.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::net::Ipv4Addr;

use md5::{Digest as _, Md5};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use crate::wire::content_length;

const PIECE: usize = 256 * 1024;

/// Listens, prints the address, and serves until it is ended.
pub(crate) async fn run() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    let folder = tempfile::tempdir()?;
    let object = folder.path().join("object");
    let accepting = async move {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let object = object.clone();
            tokio::task::spawn_local(async move { serve(stream, &object).await });
        }
    };
    LocalSet::new().run_until(accepting).await
}

async fn serve(mut stream: TcpStream, object: &std::path::Path) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let mut filled = 0;
        let head = loop {
            let read = stream.read(&mut buffer[filled..]).await?;
            if read == 0 {
                return Ok(());
            }
            filled += read;
            if let Some(at) = memchr::memmem::find(&buffer[..filled], b"\r\n\r\n") {
                break at + 4;
            }
        };
        let length = content_length(&buffer[..head]);
        if buffer.starts_with(b"PUT") {
            put(&mut stream, &mut buffer, (head, filled, length), object).await?;
        } else {
            get(&mut stream, &mut buffer, object).await?;
        }
    }
}

async fn put(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    (head, filled, length): (usize, usize, usize),
    object: &std::path::Path,
) -> io::Result<()> {
    let mut file = File::create(object)?;
    let mut md5 = Md5::new();
    md5.update(&buffer[head..filled]);
    file.write_all(&buffer[head..filled])?;
    let mut left = length - (filled - head);
    while left > 0 {
        let read = stream.read(buffer).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        md5.update(&buffer[..read]);
        file.write_all(&buffer[..read])?;
        left -= read;
    }
    let etag = hex::encode(md5.finalize());
    let head = format!("HTTP/1.1 200 OK\r\netag: \"{etag}\"\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(head.as_bytes()).await
}

async fn get(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    object: &std::path::Path,
) -> io::Result<()> {
    let mut file = File::open(object)?;
    let length = file.metadata()?.len();
    file.rewind()?;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
    let mut filled = head.len();
    buffer[..filled].copy_from_slice(head.as_bytes());
    loop {
        let read = file.read(&mut buffer[filled..])?;
        if read == 0 && filled == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..filled + read]).await?;
        filled = 0;
    }
}
