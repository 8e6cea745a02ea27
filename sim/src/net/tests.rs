use madsim::runtime::{Handle, Runtime};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};

use super::*;

const NEAR: &str = "10.0.0.2";
const FAR: &str = "10.0.0.1";
const PORT: u16 = 9092;
const LONG: Duration = Duration::from_secs(60);

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn simulate<F: Future>(seed: u64, run: impl FnOnce(Network) -> F) -> F::Output {
    let runtime = Runtime::with_seed_and_config(seed, madsim::Config::default());
    runtime.block_on(async {
        let carrier = Handle::current().create_node().name("network").build();
        run(Network::new(carrier)).await
    })
}

async fn listen(network: &Network) -> Box<dyn Listener> {
    network.door(address(FAR)).listen(FAR, PORT).await.unwrap()
}

async fn dial(network: &Network) -> io::Result<Stream> {
    network.door(address(NEAR)).connect(FAR, PORT).await
}

/// The far end is given first.
async fn connected(network: &Network) -> (Stream, Stream) {
    let mut listener = listen(network).await;
    let near = dial(network).await.unwrap();
    let (far, from) = listener.accept().await.unwrap();
    assert_eq!(from.ip(), address(NEAR));
    (far, near)
}

async fn read_all(stream: &mut Stream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.map(|_| bytes)
}

#[test]
fn bytes_arrive_late_and_in_order() {
    for seed in 0..20 {
        simulate(seed, async |network| {
            let (mut far, mut near) = connected(&network).await;
            let sent: Vec<u8> = (0..200_000_u32).map(|index| index.to_le_bytes()[1]).collect();
            let began = Instant::now();
            let bytes = sent.clone();
            let sending = tokio::spawn(async move {
                for piece in bytes.chunks(777) {
                    near.write_all(piece).await.unwrap();
                }
            });
            assert_eq!(read_all(&mut far).await.unwrap(), sent);
            assert!(began.elapsed() >= Duration::from_millis(1));
            sending.await.unwrap();
        });
    }
}

#[test]
fn a_writer_waits_for_a_reader() {
    simulate(1, async |network| {
        let (_far, mut near) = connected(&network).await;
        let flood = vec![0; 1 << 20];
        assert!(timeout(LONG, near.write_all(&flood)).await.is_err());
    });
}

#[test]
fn a_process_that_ends_closes_its_connections() {
    simulate(1, async |network| {
        let machine = Handle::current().create_node().name("far").build();
        let mut listener = listen(&network).await;
        let accepting = async move {
            let _held = listener.accept().await.unwrap();
            std::future::pending::<()>().await;
        };
        machine.spawn(accepting);
        let mut near = dial(&network).await.unwrap();
        sleep(Duration::from_millis(5)).await;
        Handle::current().kill(machine.id());
        network.process_ended(address(FAR));
        assert_eq!(timeout(LONG, read_all(&mut near)).await.unwrap().unwrap(), b"");
        let refused = dial(&network).await.map(|_| ()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_machine_without_power_is_silent() {
    simulate(1, async |network| {
        let (mut far, mut near) = connected(&network).await;
        far.write_all(b"lost in the wires").await.unwrap();
        network.power_off(address(FAR));
        drop(far);
        near.write_all(b"anybody there?").await.unwrap();
        assert!(timeout(LONG, near.read_u8()).await.is_err(), "it was told something");
        assert!(timeout(LONG, dial(&network)).await.is_err(), "who should have refused it?");
    });
}

#[test]
fn a_machine_that_is_back_resets_what_it_does_not_remember() {
    simulate(1, async |network| {
        let (far, mut near) = connected(&network).await;
        network.power_off(address(FAR));
        drop(far);
        near.write_all(b"anybody there?").await.unwrap();
        sleep(LONG).await;
        network.power_on(address(FAR));
        let reset = timeout(LONG, near.read_u8()).await.unwrap().unwrap_err();
        assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
        let refused = dial(&network).await.map(|_| ()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let _listener = listen(&network).await;
        dial(&network).await.unwrap();
    });
}

#[test]
fn a_cut_link_delays_and_loses_nothing() {
    simulate(1, async |network| {
        let (mut far, mut near) = connected(&network).await;
        network.cut(address(NEAR), address(FAR));
        near.write_all(b"late").await.unwrap();
        assert!(timeout(LONG, far.read_u8()).await.is_err());
        assert!(timeout(LONG, dial(&network)).await.is_err());
        network.mend();
        let mut bytes = [0; 4];
        timeout(LONG, far.read_exact(&mut bytes)).await.unwrap().unwrap();
        assert_eq!(&bytes, b"late");
    });
}

#[test]
fn a_link_can_be_cut_one_way() {
    simulate(1, async |network| {
        let (mut far, mut near) = connected(&network).await;
        network.cut_one_way(address(FAR), address(NEAR));
        near.write_all(b"?").await.unwrap();
        assert_eq!(far.read_u8().await.unwrap(), b'?');
        far.write_all(b"!").await.unwrap();
        assert!(timeout(LONG, near.read_u8()).await.is_err());
    });
}

#[test]
fn a_reset_is_seen_by_both_ends() {
    simulate(1, async |network| {
        let (mut far, mut near) = connected(&network).await;
        network.reset(address(FAR), address(NEAR));
        for end in [&mut far, &mut near] {
            let reset = timeout(LONG, end.read_u8()).await.unwrap().unwrap_err();
            assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
        }
    });
}

#[test]
fn a_port_has_one_listener_at_a_time() {
    simulate(1, async |network| {
        let first = listen(&network).await;
        let door = network.door(address(FAR));
        let second = door.listen(FAR, PORT).await.unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        door.listen(FAR, PORT).await.unwrap();
        let foreign = door.listen(NEAR, PORT).await.unwrap_err();
        assert_eq!(foreign.kind(), io::ErrorKind::AddrNotAvailable);
    });
}

#[test]
fn the_same_seed_takes_the_same_time() {
    let exchange = |seed| {
        simulate(seed, async |network| {
            let (mut far, mut near) = connected(&network).await;
            let began = Instant::now();
            for _ in 0..100 {
                near.write_u8(1).await.unwrap();
                far.read_u8().await.unwrap();
            }
            began.elapsed()
        })
    };
    assert_eq!(exchange(7), exchange(7));
    assert_ne!(exchange(7), exchange(8));
}

#[test]
fn a_connection_that_fell_silent_tells_nobody_and_others_work() {
    simulate(1, async |network| {
        let mut listener = listen(&network).await;
        let mut near = dial(&network).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        network.silence(address(NEAR), address(FAR));
        near.write_all(b"anybody there?").await.unwrap();
        assert!(timeout(LONG, far.read_u8()).await.is_err(), "it arrived");
        drop(near);
        assert!(timeout(LONG, far.read_u8()).await.is_err(), "it was told of the end");

        let mut near = dial(&network).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        near.write_all(b"!").await.unwrap();
        assert_eq!(timeout(LONG, far.read_u8()).await.unwrap().unwrap(), b'!');
    });
}

#[test]
fn a_slow_link_delivers_late_until_it_is_mended() {
    simulate(1, async |network| {
        let (mut far, mut near) = connected(&network).await;
        network.slow_down(address(NEAR), address(FAR), SLOWNESS_MAX);
        for (is_slow, byte) in [(true, 1), (false, 2)] {
            let began = Instant::now();
            near.write_u8(byte).await.unwrap();
            assert_eq!(far.read_u8().await.unwrap(), byte);
            assert!(began.elapsed() <= DELAY_MAX + Duration::from_millis(2));
            assert_eq!(began.elapsed() >= SLOWNESS_MAX, is_slow);
            network.mend();
        }
    });
}
