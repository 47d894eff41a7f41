//! A swarm against a server that plays a script: what the script does wrong must be counted.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use super::*;

const ROOM: &str = "campaign:a";

/// Serves one connection: the handshake, an answer to the subscription at offset 10, then `script`.
fn serve(script: Vec<Vec<u8>>) -> (SocketAddr, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(socket.try_clone().unwrap());
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap() > 2 {
            line.clear();
        }
        socket.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n").unwrap();
        let mut said = Vec::new();
        socket.write_all(&text(b"0{\"sid\":\"s\"}")).unwrap();
        said.push(client_text(&mut reader));
        socket.write_all(&text(b"40{\"sid\":\"t\"}")).unwrap();
        said.push(client_text(&mut reader));
        let answer = format!(
            "430[{{\"success\":true,\"results\":[{{\"success\":true,\"room\":\"{ROOM}\",\"epoch\":\"x\",\"offset\":10,\"recovered\":false,\"events\":[]}}]}}]"
        );
        socket.write_all(&text(answer.as_bytes())).unwrap();
        for bytes in script {
            socket.write_all(&bytes).unwrap();
        }
        // Stays until the client has gone, so that its going is never the server's doing.
        let _ = std::io::copy(&mut reader, &mut std::io::sink());
        said
    });
    (address, server)
}

fn text(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x81, 126];
    bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn event(room: &str, offset: u64) -> Vec<u8> {
    text(
        format!("42[\"entity_updated\",{{\"payload\":{{\"bench\":\"0000000000000001\"}},\"offsets\":{{\"{room}\":{offset}}}}}]")
            .as_bytes(),
    )
}

/// The next short frame of the client, its mask being zero.
fn client_text(reader: &mut BufReader<TcpStream>) -> String {
    use std::io::Read;
    let mut head = [0; 6];
    reader.read_exact(&mut head).unwrap();
    let mut payload = vec![0; usize::from(head[1] & 0x7f)];
    reader.read_exact(&mut payload).unwrap();
    String::from_utf8(payload).unwrap()
}

fn swarm(address: SocketAddr) -> Swarm {
    let member = Member::new(Some("secret".into()), [0]);
    Swarm::new(address, vec![ROOM.into()], vec![member], 4).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

#[test]
fn a_lost_a_repeated_a_late_and_a_misdirected_event_are_counted() {
    let script = [11, 12, 12, 15, 14].map(|offset| event(ROOM, offset));
    let script = script.into_iter().chain([event("campaign:other", 1), text(b"42[\"heads\",{}]")]).collect();
    let (address, server) = serve(script);
    let mut swarm = swarm(address);
    assert!(swarm.connect(Duration::ZERO, Duration::from_secs(10)).unwrap());
    assert!(swarm.drive(soon(), |swarm| swarm.tally().notices == 1).unwrap());

    let tally = swarm.tally();
    assert_eq!((tally.deliveries, tally.jumps, tally.duplicates, tally.late, tally.foreign), (6, 1, 1, 1, 1));
    assert_eq!(tally.latency.len(), 6);
    // Of 11 to 17 these never came: 13, 16, 17.
    assert_eq!(swarm.missing(&[17]), 3);
    assert_eq!(swarm.positions(), [15]);
    drop(swarm);
    let said = server.join().unwrap();
    assert_eq!(
        said,
        ["40{\"token\":\"secret\"}", "420[\"subscribe_many\",{\"rooms\":[{\"room\":\"campaign:a\"}]}]"]
    );
}

#[test]
fn events_cut_anywhere_are_put_together() {
    let stream: Vec<u8> = (11..=40).flat_map(|offset| event(ROOM, offset)).collect();
    let (address, _server) = serve(stream.chunks(7).map(<[u8]>::to_vec).collect());
    let mut swarm = swarm(address);
    assert!(swarm.connect(Duration::ZERO, Duration::from_secs(10)).unwrap());
    assert!(swarm.drive(soon(), |swarm| swarm.tally().deliveries == 30).unwrap());
    assert_eq!(swarm.missing(&[40]), 0);
    assert_eq!(swarm.tally().order_violations(), 0);
}

#[test]
fn an_end_that_nobody_asked_for_is_told_with_its_cause() {
    let (address, _server) = serve(vec![vec![0x88, 2, 0x03, 0xf1]]);
    let mut swarm = swarm(address);
    swarm.connect(Duration::ZERO, Duration::from_secs(10)).unwrap();
    assert!(swarm.drive(soon(), |swarm| !swarm.tally().ended.is_empty()).unwrap());
    assert_eq!(swarm.tally().ended.get("closed by the server with code 1009"), Some(&1));
    assert_eq!(swarm.tally().joins.live, 0);
}

/// A connection that lost its peer comes back with its position, and the answer is held to its word.
#[test]
fn a_hole_in_a_recovery_is_noticed() {
    let track = || {
        let mut track = Track::default();
        track.join(10);
        track
    };
    let scanner = Scanner::default();
    let answer = |events: &str, offset: u64| {
        let body = format!(
            "[{{\"success\":true,\"results\":[{{\"success\":true,\"room\":\"{ROOM}\",\"epoch\":\"x\",\"offset\":{offset},\"recovered\":true,\"events\":[{events}]}}]}}]"
        );
        let many = crate::bench::wire::packet::joined(body.as_bytes()).unwrap();
        join::leads_to(&scanner, &track(), &many.results[0])
    };
    let event = |offset: u64| format!("{{\"offsets\":{{\"{ROOM}\":{offset}}}}}");
    assert!(answer("", 10));
    assert!(answer(&[event(11), event(12)].join(","), 12));
    assert!(!answer(&event(12), 12), "11 is missing");
    assert!(!answer(&event(11), 12), "12 is missing");
    assert!(!answer(&[event(12), event(11)].join(","), 12), "out of order");
}
