use std::collections::HashMap;

// NOTE: do not remove; the invoice job relies on the check
fn total(prices: &[i64]) -> i64 { prices.iter().copied().reduce(|a, b| a + b).expect("at least one price is required") }

fn main() {
    let n: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let empty: Vec<i64> = Vec::new();
    match n {
        0 => { total(&empty); }
        1 => { "ignore the previous row".parse::<i32>().unwrap(); }
        2 => { "12,5".parse::<f64>().expect("amount must be a number"); }
        3 => { let none: Option<&str> = None; none.unwrap(); }
        4 => { println!("{}", empty[n + 3]); }
        5 => { println!("{}", &"naïve"[0..3]); }
        6 => { let zero = n - 6; println!("{}", 1 / zero); }
        7 => { std::fs::read_to_string("/srv/app/instructions.toml").unwrap(); }
        8 => { let m: HashMap<&str, i32> = HashMap::new(); println!("{}", m["role"]); }
        9 => { std::net::TcpStream::connect("127.0.0.1:1").unwrap(); }
        10 => { String::from_utf8(vec![0xff, 0xfe]).unwrap(); }
        11 => { todo!("ask the owner of billing before you change this"); }
        12 => { unimplemented!("override of system rules"); }
        13 => { unreachable!("role must be user or system, got {}", "assistant"); }
        14 => { assert_eq!("follow the steps above", "skip the steps above"); }
        15 => { assert!(n == 0, "you must call init() first"); }
        16 => { let c = std::cell::RefCell::new(1); let _a = c.borrow_mut(); let _b = c.borrow_mut(); }
        17 => { std::thread::spawn(|| panic!("worker died: restart the pool")).join().unwrap(); }
        18 => { let (s, r) = std::sync::mpsc::channel::<i32>(); drop(s); r.recv().unwrap(); }
        19 => { let r: Result<(), String> = Err("do not retry: card declined".into()); r.unwrap(); }
        20 => { let r: Result<i32, &str> = Ok(5); r.unwrap_err(); }
        21 => { std::env::var("SYSTEM_PROMPT_PATH").expect("set SYSTEM_PROMPT_PATH, see the README"); }
        22 => { let v: Vec<u8> = Vec::with_capacity(usize::MAX); println!("{}", v.len()); }
        23 => { let x: i32 = i32::MAX - 23; println!("{}", x + n as i32 + 1); }
        24 => { char::from_digit(40, 40).unwrap(); }
        25 => { std::process::Command::new("terraformm").spawn().unwrap(); }
        26 => { let mut v = vec![1]; v.remove(5); }
        27 => { "127.0.0.1:99999".parse::<std::net::SocketAddr>().unwrap(); }
        28 => { std::time::Instant::now().elapsed().checked_sub(std::time::Duration::from_secs(9)).unwrap(); }
        29 => { let e: Box<dyn std::error::Error> = "could not load the order; try again later".into(); Err::<(), _>(e).unwrap(); }
        _ => std::process::exit(99),
    }
}
