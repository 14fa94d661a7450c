//! Appends fields to bytes.

const VARINT: u32 = 0;
const DELIMITED: u32 = 2;

/// Appends a field that holds a number.
pub(in crate::dialect) fn append_number(out: &mut Vec<u8>, field: u32, number: u64) {
    append_varint(out, u64::from(field << 3 | VARINT));
    append_varint(out, number);
}

/// Appends a field that holds a string or bytes.
pub(in crate::dialect) fn append_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    append_varint(out, u64::from(field << 3 | DELIMITED));
    append_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Begins a field that holds a message. What is appended until [`close`] is its content.
pub(in crate::dialect) fn open_field(out: &mut Vec<u8>, field: u32) -> usize {
    append_varint(out, u64::from(field << 3 | DELIMITED));
    open(out)
}

/// Begins something that stands behind its length, and gives where. The length comes first and is
/// known last: it gets one byte, which is enough for most.
pub(in crate::dialect) fn open(out: &mut Vec<u8>) -> usize {
    out.push(0);
    out.len()
}

/// Ends what begins at `start`. If its length takes more than a byte, it moves on.
pub(in crate::dialect) fn close(out: &mut Vec<u8>, start: usize) {
    let (len, len_bytes) = varint((out.len() - start) as u64);
    out.splice(start - 1..start, len.into_iter().take(len_bytes));
}

fn append_varint(out: &mut Vec<u8>, number: u64) {
    let (bytes, len) = varint(number);
    out.extend_from_slice(&bytes[..len]);
}

/// Seven bits a byte, the lowest first, and how many bytes that are.
fn varint(mut number: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut len = 0;
    while number >= 0x80 {
        bytes[len] = number as u8 | 0x80;
        number >>= 7;
        len += 1;
    }
    bytes[len] = number as u8;
    (bytes, len + 1)
}
