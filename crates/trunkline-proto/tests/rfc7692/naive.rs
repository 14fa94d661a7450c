//! A slow inflater straight from RFC 1951. It is the twin that zlib has to agree with, and it
//! tells how far back a message refers, which zlib does not.

/// Decompresses streams of non-final blocks, window and all.
#[derive(Default)]
pub(crate) struct Naive {
    output: Vec<u8>,
    pub(crate) distance_max: usize,
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> usize {
        (0..count).fold(0, |value, i| {
            let bit = self.bytes[self.at / 8] >> (self.at % 8) & 1;
            self.at += 1;
            value | usize::from(bit) << i
        })
    }

    fn symbol(&mut self, code: &Code) -> usize {
        let (mut first, mut value, mut index) = (0, 0, 0);
        for count in &code.counts {
            value = value << 1 | self.take(1);
            first <<= 1;
            if value < first + count {
                return code.symbols[index + value - first];
            }
            index += count;
            first += count;
        }
        panic!("no such code");
    }
}

/// A canonical Huffman code (§3.2.2): how many codes of each length, symbols in order of code.
struct Code {
    counts: [usize; 15],
    symbols: Vec<usize>,
}

impl Code {
    fn new(lengths: &[usize]) -> Self {
        let mut counts = [0; 15];
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|&it| lengths[it] > 0).collect();
        symbols.sort_by_key(|&it| lengths[it]);
        symbols.iter().for_each(|&it| counts[lengths[it] - 1] += 1);
        Self { counts, symbols }
    }

    fn fixed() -> (Self, Self) {
        let lengths: Vec<usize> = (0..288)
            .map(|symbol| match symbol {
                0..144 => 8,
                144..256 => 9,
                256..280 => 7,
                _ => 8,
            })
            .collect();
        (Self::new(&lengths), Self::new(&[5; 30]))
    }

    fn dynamic(bits: &mut Bits) -> (Self, Self) {
        const ORDER: [usize; 19] =
            [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        let (literals, distances, codes) = (bits.take(5) + 257, bits.take(5) + 1, bits.take(4) + 4);
        let mut lengths = [0; 19];
        ORDER[..codes].iter().for_each(|&it| lengths[it] = bits.take(3));
        let code = Self::new(&lengths);
        let mut lengths = Vec::new();
        while lengths.len() < literals + distances {
            let (length, times) = match bits.symbol(&code) {
                16 => (*lengths.last().unwrap(), bits.take(2) + 3),
                17 => (0, bits.take(3) + 3),
                18 => (0, bits.take(7) + 11),
                length => (length, 1),
            };
            lengths.extend(std::iter::repeat_n(length, times));
        }
        (Self::new(&lengths[..literals]), Self::new(&lengths[literals..]))
    }
}

impl Naive {
    /// One message, without the tail that its sender left out.
    pub(crate) fn receive(&mut self, message: &[u8]) -> Vec<u8> {
        let bytes = [message, &[0x00, 0x00, 0xff, 0xff]].concat();
        let mut bits = Bits { bytes: &bytes, at: 0 };
        let start = self.output.len();
        while bits.at < bytes.len() * 8 {
            assert_eq!(bits.take(1), 0, "we send no final blocks");
            match bits.take(2) {
                0 => self.stored(&mut bits),
                1 => self.coded(&mut bits, Code::fixed()),
                2 => {
                    let codes = Code::dynamic(&mut bits);
                    self.coded(&mut bits, codes);
                }
                _ => panic!("no such block"),
            }
        }
        self.output[start..].to_vec()
    }

    fn stored(&mut self, bits: &mut Bits) {
        bits.at = bits.at.next_multiple_of(8);
        let (len, complement) = (bits.take(16), bits.take(16));
        assert_eq!(len, complement ^ 0xffff);
        (0..len).for_each(|_| self.output.push(bits.take(8) as u8));
    }

    fn coded(&mut self, bits: &mut Bits, (literals, distances): (Code, Code)) {
        loop {
            let length = match bits.symbol(&literals) {
                literal @ 0..256 => {
                    self.output.push(literal as u8);
                    continue;
                }
                256 => return,
                285 => 258,
                symbol => 3 + stretched(symbol - 257, 4, bits),
            };
            let symbol = bits.symbol(&distances);
            let distance = 1 + stretched(symbol, 2, bits);
            self.distance_max = self.distance_max.max(distance);
            for _ in 0..length {
                self.output.push(self.output[self.output.len() - distance]);
            }
        }
    }
}

/// §3.2.5: the first `2 * step` symbols are values; then each `step` of them take a bit more.
fn stretched(symbol: usize, step: usize, bits: &mut Bits) -> usize {
    if symbol < 2 * step {
        return symbol;
    }
    let extra = symbol / step - 1;
    ((step + symbol % step) << extra) + bits.take(extra)
}
