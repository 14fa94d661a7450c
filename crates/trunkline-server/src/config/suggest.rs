//! Which setting was meant.

/// The known key that is nearest to `key`, if one is near.
pub(super) fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let key_name = last(key);
    let key_chars = key.chars().count();
    let allowed = (key_name.len() / 3).max(2);
    // As many characters as one is longer than the other have to change: most keys are not worth a comparison.
    let worth =
        |it: &&str| last(it) == key_name || it.chars().count().abs_diff(key_chars) <= allowed;
    let rated = known.filter(worth).map(|it| {
        let distance = distance(key, it);
        // The right name in the wrong place is as near as one wrong letter.
        let rate = if last(it) == key_name { 1 } else { distance };
        (rate, distance, it)
    });
    rated.min().filter(|(rate, ..)| *rate <= allowed).map(|(.., it)| it)
}

fn last(key: &str) -> &str {
    key.rsplit(['.', ']']).next().unwrap_or(key)
}

/// How many characters have to be put in, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, left) in a.chars().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        let mut next = vec![before];
        for (right, above) in b.iter().zip(row.iter().skip(1)) {
            let changed = diagonal + usize::from(left != *right);
            before = changed.min(above + 1).min(before + 1);
            diagonal = *above;
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
