//! Publishing and reading allocate nothing once the reader's buffer has grown.

use allocation_counter::measure;
use walras::fanout::{Records, Settings, ring};

#[test]
fn publishing_and_reading_do_not_allocate() {
    let (mut producer, ring) = ring(Settings { capacity_bytes: 64 << 10, gated_readers_max: 2 });
    let mut gated = ring.gated_reader().expect("a gate is free");
    let mut free = ring.reader();
    let mut records = Records::with_capacity(32 << 10);
    let mut one = Vec::with_capacity(1024);
    let mut read = 0;
    let counted = measure(|| {
        for _ in 0..200 {
            for _ in 0..20 {
                producer.stage(&[b"head", &[7; 300], b"tail"]).expect("all was read");
            }
            producer.commit();
            records.clear();
            read += free.read_many(&mut records, 16 << 10).expect("nothing was overwritten");
            records.clear();
            read += gated.read_many(&mut records, 16 << 10);
            producer.try_publish(&[&[1; 1000]]).expect("all was read");
            assert_eq!(gated.read(&mut one), Some(1000));
            assert_eq!(free.read(&mut one), Ok(Some(1000)));
        }
    });
    assert_eq!(read, 200 * 2 * 20);
    assert_eq!(counted.count_total, 0);
}
