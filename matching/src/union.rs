//! A partition that only grows together.

pub(crate) struct Union {
    parents: Vec<u32>,
}

impl Union {
    pub(crate) fn new(size: usize) -> Self {
        Self { parents: (0..u32::try_from(size).unwrap_or(u32::MAX)).collect() }
    }

    pub(crate) fn find(&mut self, mut place: u32) -> u32 {
        while self.parents[place as usize] != place {
            let above = self.parents[self.parents[place as usize] as usize];
            self.parents[place as usize] = above;
            place = above;
        }
        place
    }

    /// The smaller place stands for both.
    pub(crate) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        self.parents[a.max(b) as usize] = a.min(b);
    }
}
