//! Connections that subscribers keep open.

use crate::telling::{LIST, Region, codes, numbers, stay, subscription, until};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

async fn serve(region: &Region) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = region.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn connect(address: SocketAddr) -> Socket {
    tokio_tungstenite::connect_async(format!("ws://{address}/fhir/$subscriptions-ws")).await.unwrap().0
}

async fn bind(socket: &mut Socket, token: &str) {
    let message = json!({"type": "bind-with-token", "payload": {"token": token}}).to_string();
    socket.send(Message::text(message)).await.unwrap();
}

/// The next bundle; None: the connection was closed.
async fn next(socket: &mut Socket) -> Option<Value> {
    loop {
        match tokio::time::timeout(Duration::from_secs(20), socket.next()).await.expect("in time") {
            Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

async fn websocket(region: &Region) -> String {
    let mut asked = subscription("", "id-only", &[&format!("caseload={LIST}")]);
    asked["channel"]["type"] = "websocket".into();
    asked["channel"].as_object_mut().unwrap().remove("endpoint");
    region.subscribe("surgery", &asked).await
}

async fn token(region: &Region, id: &str) -> String {
    let given = region.get("surgery", &format!("/Subscription/{id}/$get-ws-binding-token")).await.expect(200).json();
    let value = |name: &str| {
        let all = given["parameter"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(value("websocket-url")["valueUrl"], "wss://record.example/fhir/$subscriptions-ws");
    assert_eq!(value("subscription")["valueString"], id);
    assert!(value("expiration")["valueDateTime"].is_string());
    value("token")["valueString"].as_str().unwrap().to_owned()
}

fn kind(bundle: &Value) -> String {
    crate::telling::parameter(bundle, "type")
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_binds_with_its_token_is_told_what_it_missed_and_what_happens() {
    let region = Region::new().await;
    let address = serve(&region).await;
    let id = websocket(&region).await;
    assert_eq!(region.standing(&id).0, "active");
    region.hl7(&stay("A01", 1, "20260310083000", "W12")).await;
    let mut socket = connect(address).await;
    bind(&mut socket, &token(&region, &id).await).await;
    assert_eq!(kind(&next(&mut socket).await.unwrap()), "handshake");
    let first = next(&mut socket).await.unwrap();
    assert_eq!((numbers(&first), codes(&first)), (vec![1], vec!["admitted".to_owned()]));
    // Whoever reads on says by that that it has what came before.
    let hears = async {
        region.hl7(&stay("A03", 2, "20260310085000", "W12")).await;
    };
    let (second, ()) = tokio::join!(next(&mut socket), hears);
    assert_eq!(numbers(&second.unwrap()), [2]);
    let reading = tokio::spawn(async move { next(&mut socket).await });
    until("both are taken", || region.notices.queue(&id).unwrap().sent == 2).await;
    // When it is over, the connection is.
    region.send("surgery", "DELETE", &format!("/Subscription/{id}"), &Value::Null).await.expect(204);
    assert_eq!(reading.await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_taken_comes_again_over_the_next_connection() {
    let region = Region::new().await;
    let address = serve(&region).await;
    let id = websocket(&region).await;
    region.hl7(&stay("A01", 1, "20260310083000", "W12")).await;
    let mut socket = connect(address).await;
    bind(&mut socket, &token(&region, &id).await).await;
    next(&mut socket).await.unwrap();
    assert_eq!(numbers(&next(&mut socket).await.unwrap()), [1]);
    // It dies before its pong.
    drop(socket);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(region.notices.queue(&id).unwrap().sent, 0);
    let mut socket = connect(address).await;
    bind(&mut socket, &token(&region, &id).await).await;
    next(&mut socket).await.unwrap();
    assert_eq!(numbers(&next(&mut socket).await.unwrap()), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_binds() {
    let region = Region::new().await;
    let address = serve(&region).await;
    let id = websocket(&region).await;
    region.get("other", &format!("/Subscription/{id}/$get-ws-binding-token")).await.expect(404);
    region.get("surgery", "/$subscriptions-ws").await.expect(400);
    for said in ["hello", "{}", r#"{"type":"bind-with-token","payload":{"token":"made up"}}"#] {
        let mut socket = connect(address).await;
        socket.send(Message::text(said)).await.unwrap();
        assert_eq!(next(&mut socket).await, None, "{said}");
    }
    let old = token(&region, &id).await;
    region.later(3601);
    let mut socket = connect(address).await;
    bind(&mut socket, &old).await;
    assert_eq!(next(&mut socket).await, None, "its time is over");
}
