//! The lane over real connections.

use std::{future::poll_fn, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::TcpListener,
};

use super::*;

/// A lane on one end of a real connection, and the other end.
async fn pair(max_queued: usize) -> (Arc<Lane>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, accepted) =
        tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (Arc::new(Lane::new(accepted.unwrap().0, max_queued)), client.unwrap())
}

async fn write(lane: &Lane, bytes: &[u8]) {
    let written = poll_fn(|cx| lane.poll_write(cx, &[IoSlice::new(bytes)])).await.unwrap();
    assert_eq!(written, bytes.len());
}

/// A lane whose transport has said welcome.
async fn open_pair(max_queued: usize) -> (Arc<Lane>, TcpStream) {
    let (lane, mut client) = pair(max_queued).await;
    lane.engage();
    write(&lane, WELCOME).await;
    let mut welcome = vec![0; WELCOME.len()];
    client.read_exact(&mut welcome).await.unwrap();
    (lane, client)
}

async fn expect(client: &mut TcpStream, expected: &[u8]) {
    let mut got = vec![0; expected.len()];
    client.read_exact(&mut got).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(expected));
}

fn message(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Reads like the transport's task does, which is also what writes on when the socket was full.
fn keep_reading(lane: &Arc<Lane>) -> tokio::task::JoinHandle<io::Result<Vec<u8>>> {
    let lane = lane.clone();
    tokio::spawn(async move {
        let mut all = Vec::new();
        loop {
            let mut bytes = [0; 1024];
            let mut buf = ReadBuf::new(&mut bytes);
            poll_fn(|cx| lane.poll_read(cx, &mut buf)).await?;
            if buf.filled().is_empty() {
                return Ok(all);
            }
            all.extend_from_slice(buf.filled());
        }
    })
}

#[tokio::test]
async fn deliveries_wait_for_the_welcome_and_keep_their_order() {
    let (lane, mut client) = pair(1 << 20).await;
    lane.engage();
    assert!(lane.push(message("event")));
    lane.flush();
    write(&lane, b"CONNECT").await;
    write(&lane, WELCOME).await;
    lane.push(message("later"));
    lane.flush();
    expect(&mut client, &[b"CONNECT", WELCOME, b"event", b"later"].concat()).await;
}

#[tokio::test]
async fn an_answer_comes_before_the_events_that_were_held_for_it() {
    let (lane, mut client) = open_pair(1 << 20).await;
    lane.hold();
    lane.push(message("event"));
    lane.flush();
    lane.answer(Some(message("other-ack")), false);
    lane.answer(Some(message("ack")), true);
    expect(&mut client, b"other-ackackevent").await;
}

#[tokio::test]
async fn everything_arrives_in_order_through_a_socket_that_is_often_full() {
    let (lane, mut client) = open_pair(64 << 20).await;
    let reader = keep_reading(&lane);
    let expected: Vec<u8> = (0..200_000_u32).flat_map(u32::to_be_bytes).collect();
    for chunk in expected.chunks(400) {
        assert!(lane.push(Bytes::copy_from_slice(chunk)));
        lane.flush();
    }
    let mut got = vec![0; expected.len()];
    client.read_exact(&mut got).await.unwrap();
    assert!(got == expected);
    client.shutdown().await.unwrap();
    assert!(reader.await.unwrap().unwrap().is_empty());
}

#[tokio::test]
async fn a_full_queue_ends_the_connection_and_frees_its_memory() {
    let (lane, _client) = open_pair(1 << 20).await;
    let reader = keep_reading(&lane);
    let block = Bytes::from(vec![b'x'; 64 << 10]);
    let mut accepted = 0;
    while lane.push(block.clone()) {
        lane.flush();
        accepted += 1;
        assert!(accepted < 1000, "the bound does not hold");
    }
    assert_eq!(lane.reason(), Some(CloseReason::QueueFull));
    assert_eq!(lane.lock().queued_bytes, 0);
    // The transport's reader sees the end and cleans up.
    assert!(reader.await.unwrap().unwrap().is_empty());
}

#[tokio::test]
async fn one_message_larger_than_the_bound_goes_through_an_empty_queue() {
    let (lane, mut client) = open_pair(1000).await;
    assert!(lane.push(Bytes::from(vec![b'x'; 5000])));
    lane.flush();
    expect(&mut client, &[b'x'; 5000]).await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_for_too_long_is_closed() {
    let (lane, _client) = open_pair(64 << 20).await;
    let reader = keep_reading(&lane);
    for _ in 0..200 {
        lane.push(Bytes::from(vec![b'x'; 64 << 10]));
    }
    lane.flush();
    let limit = Duration::from_secs(10);
    lane.check(Instant::now() + Duration::from_secs(9), limit);
    assert!(!lane.is_dead());
    lane.check(Instant::now() + Duration::from_secs(11), limit);
    assert_eq!((lane.is_dead(), lane.reason()), (true, Some(CloseReason::WriteStalled)));
    reader.await.unwrap().unwrap();
}

#[tokio::test]
async fn finishing_sends_what_is_queued_and_a_close_frame_and_nothing_after_it() {
    let (lane, mut client) = open_pair(1 << 20).await;
    lane.push(message("last"));
    lane.finish(CloseReason::TokenExpired);
    assert!(!lane.push(message("too late")));
    expect(&mut client, &[b"last", frame::CLOSE].concat()).await;
    // A client that does not answer the close frame is not waited for long.
    lane.check(Instant::now() + CLOSE_GRACE * 2, Duration::from_secs(10));
    assert_eq!(client.read(&mut [0; 8]).await.unwrap_or(0), 0);
    assert_eq!(lane.reason(), Some(CloseReason::TokenExpired));
}
