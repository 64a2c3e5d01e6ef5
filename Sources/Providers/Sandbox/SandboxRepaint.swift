import Domain
import Vips

/// What the sandbox does with a customer's picture: it blends its own landscape in, by strength, everywhere or where a mask
/// is white. A pixel that the mask keeps is not touched at all.
enum SandboxRepaint {
    /// Draws on the picture; the same arguments give the same pixels in any process. Strength 0 gives the picture back, 1
    /// the landscape alone. The label and the prompt are in the largest rectangle that may be painted.
    static func draw(prompt: String, seed: Int64, size: ImageSize, inputs: PreparedInputs) throws(VipsError) -> Picture {
        var canvas = try pixels(inputs.image, size)
        guard let mask = inputs.mask else {
            let drawn = try SandboxPicture.draw(prompt: prompt, seed: seed, width: size.width, height: size.height)
            blend(try drawn.pixelBytes(), into: &canvas, strength: inputs.strength)
            return try Picture(width: size.width, height: size.height, rgb: canvas)
        }
        let region = RepaintRegion(mask: try pixels(mask, size), width: size.width, height: size.height)
        if !region.whole.isEmpty {
            let layer = try layer(prompt: prompt, seed: seed, region)
            blend(layer, of: region, into: &canvas, strength: inputs.strength)
        }
        return try Picture(width: size.width, height: size.height, rgb: canvas)
    }

    private static func pixels(_ file: [UInt8], _ size: ImageSize) throws(VipsError) -> [UInt8] {
        let picture = try Picture.decode(file)
        guard picture.bands == 3, picture.width == size.width, picture.height == size.height else {
            throw VipsError(.invalidArgument, "An input is not RGB of \(size.width)x\(size.height); prepare it first.")
        }
        return try picture.pixelBytes()
    }

    /// The landscape for the region's bounds, with its label where it is seen.
    private static func layer(prompt: String, seed: Int64, _ region: RepaintRegion) throws(VipsError) -> [UInt8] {
        let (bounds, place) = (region.whole, region.label)
        var layer = SandboxPicture.landscape(prompt: prompt, seed: seed, width: bounds.width, height: bounds.height)
        let (left, top) = (place.left - bounds.left, place.top - bounds.top)
        var part: [UInt8] = []
        part.reserveCapacity(place.width * place.height * 3)
        for row in top..<(top + place.height) {
            let start = (row * bounds.width + left) * 3
            part += layer[start..<(start + place.width * 3)]
        }
        let labelled = try SandboxPicture.labelled(
            Picture(width: place.width, height: place.height, rgb: part), prompt: prompt, seed: seed
        ).pixelBytes()
        for row in 0..<place.height {
            let start = ((top + row) * bounds.width + left) * 3
            layer.replaceSubrange(
                start..<(start + place.width * 3), with: labelled[(row * place.width * 3)..<((row + 1) * place.width * 3)])
        }
        return layer
    }

    private static func blend(_ drawn: [UInt8], into canvas: inout [UInt8], strength: Double) {
        let weight = weight(strength)
        canvas.withUnsafeMutableBufferPointer { canvas in
            drawn.withUnsafeBufferPointer { drawn in
                for index in canvas.indices { canvas[index] = mixed(canvas[index], drawn[index], weight) }
            }
        }
    }

    private static func blend(
        _ layer: [UInt8], of region: RepaintRegion, into canvas: inout [UInt8], strength: Double
    ) {
        let (bounds, weight) = (region.whole, weight(strength))
        for y in 0..<bounds.height {
            for x in 0..<bounds.width where region.isWhite(x: bounds.left + x, y: bounds.top + y) {
                let from = (y * bounds.width + x) * 3
                let to = ((bounds.top + y) * region.width + bounds.left + x) * 3
                for band in 0..<3 { canvas[to + band] = mixed(canvas[to + band], layer[from + band], weight) }
            }
        }
    }

    /// In 256ths, so that both ends are exact.
    private static func weight(_ strength: Double) -> Int { Int((min(max(strength, 0), 1) * 256).rounded()) }

    @inline(__always)
    private static func mixed(_ old: UInt8, _ new: UInt8, _ weight: Int) -> UInt8 {
        UInt8((Int(old) * (256 - weight) + Int(new) * weight + 128) >> 8)
    }
}

/// The white pixels of a mask.
struct RepaintRegion {
    /// A rectangle of pixels.
    struct Box: Equatable {
        var left = 0, top = 0, width = 0, height = 0
        var isEmpty: Bool { width == 0 }
    }

    let width: Int
    private let white: [Bool]
    /// The smallest rectangle that has them all.
    let whole: Box
    /// The largest rectangle in which there is nothing else.
    let label: Box

    /// `mask` has three equal bytes a pixel.
    init(mask: [UInt8], width: Int, height: Int) {
        self.width = width
        let white = (0..<(width * height)).map { mask[$0 * 3] >= 128 }
        self.white = white
        var (left, right, top, bottom) = (width, -1, height, -1)
        var heights = [Int](repeating: 0, count: width)
        var best = Box()
        for y in 0..<height {
            for x in 0..<width {
                let isWhite = white[y * width + x]
                heights[x] = isWhite ? heights[x] + 1 : 0
                guard isWhite else { continue }
                (left, right, top, bottom) = (min(left, x), max(right, x), min(top, y), max(bottom, y))
            }
            let box = Self.largest(under: heights, bottom: y)
            if box.width * box.height > best.width * best.height { best = box }
        }
        whole = right < 0 ? Box() : Box(left: left, top: top, width: right - left + 1, height: bottom - top + 1)
        label = best
    }

    func isWhite(x: Int, y: Int) -> Bool { white[y * width + x] }

    /// The largest rectangle that stands on the row `bottom` under columns of these heights: each column waits on a stack
    /// until a lower one comes, which is where the rectangle of its height ends.
    private static func largest(under heights: [Int], bottom: Int) -> Box {
        var best = Box()
        var waiting: [Int] = []
        for x in 0...heights.count {
            let height = x < heights.count ? heights[x] : 0
            while let last = waiting.last, heights[last] > height {
                waiting.removeLast()
                let left = waiting.last.map { $0 + 1 } ?? 0
                if heights[last] * (x - left) > best.width * best.height {
                    best = Box(left: left, top: bottom - heights[last] + 1, width: x - left, height: heights[last])
                }
            }
            waiting.append(x)
        }
        return best
    }
}
