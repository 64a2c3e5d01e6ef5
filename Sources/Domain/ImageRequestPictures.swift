extension ImageRequest {
    /// How many pictures are wanted.
    public var pictures: Int { 1 }

    /// The request for one of its pictures, from 0 on: each has the seed after that of the one before, so that every picture can
    /// be had again by itself.
    public func picture(_ index: Int) -> ImageRequest {
        var one = self
        let (first, count) = (Limits.seeds.lowerBound, Int64(Limits.seeds.count))
        one.seed = (seed - first + Int64(index)) % count + first
        return one
    }
}
