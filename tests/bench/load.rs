//! Load on the real binary, and what its process used for it.

use std::fs;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keybroker_tests::{AUTHORIZATION, Asks as _, Broker, Client, Request, Setup, cpu_s};
use serde_json::Value;

/// Many connections that ask the same thing again and again.
pub struct Load<'a> {
    pub broker: &'a Broker,
    pub request: &'a Request,
    pub connections: usize,
}

/// One run.
#[derive(Debug, Clone)]
pub struct Measured {
    pub operations: usize,
    /// CPU of the broker's process, and of its HSM's worker, for one operation, in microseconds.
    pub cpu_us: f64,
    pub per_second: f64,
    pub p50_us: f64,
    pub p99_us: f64,
}

impl Measured {
    fn of(mut latencies: Vec<f64>, cpu_us: f64, wall: Duration) -> Self {
        latencies.sort_by(f64::total_cmp);
        let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize];
        Self {
            operations: latencies.len(),
            cpu_us: cpu_us / latencies.len() as f64,
            per_second: latencies.len() as f64 / wall.as_secs_f64(),
            p50_us: at(0.5),
            p99_us: at(0.99),
        }
    }
}

pub fn request(path: &str, body: &Value) -> Request {
    Request::new("POST", &format!("{path}?api-version=7.4")).header(AUTHORIZATION.0, AUTHORIZATION.1).json(body)
}

impl Load<'_> {
    pub fn run(&self, most: Duration) -> Measured {
        let requests = std::slice::from_ref(self.request);
        run(&self.broker.admin(), &|| family_cpu_us(self.broker.pid()), requests, self.connections, most)
    }
}

/// So many connections, each of which asks the requests in turn, from a place of its own among them. `cpu_us` tells what
/// the server has used so far.
pub fn run(
    client: &Client,
    cpu_us: &dyn Fn() -> f64,
    requests: &[Request],
    connections: usize,
    most: Duration,
) -> Measured {
    let asking = |number: usize| {
        let connection = client.connect().unwrap();
        // Warm: the connection, the parsed key, the branch predictors.
        connection.answer(&requests[0]).with_status(200);
        let mut turn = requests.iter().cycle().skip(requests.len() * number / connections);
        move || assert_eq!(connection.answer(turn.next().unwrap()).status, 200)
    };
    run_each(&asking, cpu_us, connections, most)
}

/// So many threads, each of which does what it is given again and again.
pub fn run_each<Once: FnMut()>(
    given: &(impl Fn(usize) -> Once + Sync),
    cpu_us: &dyn Fn() -> f64,
    threads: usize,
    most: Duration,
) -> Measured {
    let (stop, ready) = (AtomicBool::new(false), Barrier::new(threads + 1));
    let (latencies, cpu, wall) = std::thread::scope(|scope| {
        let (stop, ready) = (&stop, &ready);
        let work = |number: usize| {
            move || {
                let mut once = given(number);
                ready.wait();
                let mut latencies = Vec::with_capacity(1 << 16);
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    once();
                    latencies.push(began.elapsed().as_secs_f64() * 1e6);
                }
                latencies
            }
        };
        let threads: Vec<_> = (0..threads).map(|number| scope.spawn(work(number))).collect();
        ready.wait();
        let (began, cpu) = (Instant::now(), cpu_us());
        #[allow(clippy::disallowed_methods)] // the length of the measurement itself
        std::thread::sleep(most);
        let (cpu, wall) = (cpu_us() - cpu, began.elapsed());
        stop.store(true, Ordering::Relaxed);
        let latencies: Vec<f64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        (latencies, cpu, wall)
    });
    Measured::of(latencies, cpu, wall)
}

/// So many tasks, each of which does the same again and again.
pub async fn run_tasks<Once: Future<Output = ()> + Send + 'static>(
    once: impl Fn() -> Once + Clone + Send + 'static,
    cpu_us: impl Fn() -> f64,
    tasks: usize,
    most: Duration,
) -> Measured {
    once().await;
    let (began, cpu) = (Instant::now(), cpu_us());
    let mut set = tokio::task::JoinSet::new();
    for _ in 0..tasks {
        let once = once.clone();
        set.spawn(async move {
            let mut latencies = Vec::with_capacity(1 << 16);
            while began.elapsed() < most {
                let asked = Instant::now();
                once().await;
                latencies.push(asked.elapsed().as_secs_f64() * 1e6);
            }
            latencies
        });
    }
    let latencies = set.join_all().await.concat();
    Measured::of(latencies, cpu_us() - cpu, began.elapsed())
}

/// User and system time of a process and its children, in microseconds.
pub fn family_cpu_us(pid: u32) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let children = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    let children: f64 = children
        .flat_map(|line| line.split_whitespace().map(|pid| process_cpu_us(pid.parse().unwrap())).collect::<Vec<_>>())
        .sum();
    process_cpu_us(pid) + children
}

/// CPU that this process has used, in microseconds.
pub fn own_cpu_us() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

/// User and system time of a process, in microseconds, in ticks of 10 ms.
pub fn process_cpu_us(pid: u32) -> f64 {
    cpu_s(pid) * 1e6
}

/// Full TLS handshakes (each with one request) a second, on one thread, and the broker's CPU for one.
pub fn handshakes(broker: &Broker, most: Duration) -> (f64, f64) {
    let client = broker.admin();
    let (began, cpu) = (Instant::now(), process_cpu_us(broker.pid()));
    let mut count = 0.0;
    while began.elapsed() < most {
        client.get("/keys").with_status(200);
        count += 1.0;
    }
    (count / began.elapsed().as_secs_f64(), (process_cpu_us(broker.pid()) - cpu) / count)
}

/// From the start of the process to its first answer, in milliseconds; the plugin compiled before.
pub fn start_up(runs: usize) -> Vec<f64> {
    let mut broker = Setup::new().start();
    (0..runs)
        .map(|_| {
            broker.stop();
            let began = Instant::now();
            broker.serve();
            broker.admin().get("/keys").with_status(200);
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect()
}
