public import Vips

/// The picture of the built-in sandbox provider: a landscape whose colours and shapes come from the prompt and the seed,
/// with the word "sandbox" and the prompt on it, so that nobody takes it for the work of a model.
public enum SandboxPicture {
    /// The largest width or height that is drawn, in pixels.
    public static let sidePixelsLimit = 4_096

    /// Draws the picture; the same arguments give the same pixels in any process.
    ///
    /// The prompt is plain text of any length; what does not fit ends with an ellipsis. Throws `invalidArgument` unless
    /// both sides are 1 to 4,096 pixels, and `operationFailed` when there is no memory or no font.
    public static func draw(prompt: String, seed: Int64, width: Int, height: Int) throws(VipsError) -> Picture {
        guard (1...sidePixelsLimit).contains(width), (1...sidePixelsLimit).contains(height) else {
            throw VipsError(
                .invalidArgument, "The sandbox cannot draw \(width)x\(height); use 1 to \(sidePixelsLimit) a side.")
        }
        let rgb = landscape(prompt: prompt, seed: seed, width: width, height: height)
        return try labelled(Picture(width: width, height: height, rgb: rgb), prompt: prompt, seed: seed)
    }

    /// The landscape alone, as RGB bytes.
    static func landscape(prompt: String, seed: Int64, width: Int, height: Int) -> [UInt8] {
        scene(prompt, seed).pixels(width: width, height: height)
    }

    /// A picture with the label and the prompt at its foot, in the colours of their landscape.
    static func labelled(_ picture: consuming Picture, prompt: String, seed: Int64) throws(VipsError) -> Picture {
        let accent = scene(prompt, seed).accent
        return try SandboxCaption(prompt: prompt, width: picture.width, height: picture.height)
            .painted(on: picture, label: "sandbox  \u{B7}  seed \(seed)", accent: accent)
    }

    private static func scene(_ prompt: String, _ seed: Int64) -> SandboxScene {
        var random = StableRandom(prompt: prompt, seed: seed)
        return SandboxScene(from: &random)
    }
}

/// FNV-1a over the inputs, then SplitMix64. Swift's own hashes differ from process to process; these never change.
private struct StableRandom {
    private var state: UInt64 = 0xCBF2_9CE4_8422_2325

    init(prompt: String, seed: Int64) {
        for byte in prompt.utf8 { absorb(byte) }
        for shift in stride(from: 0, to: 64, by: 8) { absorb(UInt8(truncatingIfNeeded: seed >> Int64(shift))) }
    }

    private mutating func absorb(_ byte: UInt8) {
        state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }

    /// The next number in `range`, which includes the lower bound and not the upper one.
    mutating func next(in range: Range<Float>) -> Float {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        let unit = Float((mixed ^ (mixed >> 31)) >> 40) / 16_777_216
        return range.lowerBound + unit * (range.upperBound - range.lowerBound)
    }
}

/// A colour with parts 0 to 255. Only sums, products and quotients are used in this file, never sines or powers, whose
/// last bit depends on the machine's mathematics library.
private struct Tint {
    var red: Float
    var green: Float
    var blue: Float

    /// From hue (any number, whole turns are equal), saturation and value 0 to 1.
    init(hue: Float, saturation: Float, value: Float) {
        func part(_ shift: Float) -> Float {
            let turn = (hue + shift) - (hue + shift).rounded(.down)
            let ramp = min(max(abs(turn * 6 - 3) - 1, 0), 1)
            return 255 * value * (1 - saturation + saturation * ramp)
        }
        (red, green, blue) = (part(0), part(2 / 3), part(1 / 3))
    }

    func mixed(with other: Tint, _ share: Float) -> Tint {
        var result = self
        result.mix(other, share)
        return result
    }

    @inline(__always)
    mutating func mix(_ other: Tint, _ share: Float) {
        red += (other.red - red) * share
        green += (other.green - green) * share
        blue += (other.blue - blue) * share
    }
}

/// Sky, sun and ridges, in units of the picture's size, so that one scene suits every size.
private struct SandboxScene {
    private let skyTop: Tint, skyBottom: Tint, sun: Tint
    private let sunX: Float, sunY: Float, sunRadius: Float
    private let ridges: [Ridge]

    private struct Ridge {
        let tint: Tint, mist: Tint
        let base: Float, swing: Float
        let knots: [Float]

        /// Height at `x` from 0 to 1, as a share of the picture from the top: three octaves of smooth value noise.
        func top(at x: Float) -> Float {
            var sum: Float = 0
            var (frequency, weight): (Float, Float) = (3, 0.62)
            for octave in 0..<3 {
                let place = x * frequency + Float(octave * 5)
                let index = Int(place)
                let t = place - Float(index)
                let (from, to) = (knots[index % knots.count], knots[(index + 1) % knots.count])
                sum += weight * (from + (to - from) * t * t * (3 - 2 * t))
                (frequency, weight) = (frequency * 2.3, weight * 0.36)
            }
            return base - swing * sum
        }
    }

    init(from random: inout StableRandom) {
        let hue = random.next(in: 0..<1)
        let warm = hue + random.next(in: 0.08..<0.2) * (random.next(in: 0..<1) < 0.5 ? -1 : 1)
        skyTop = Tint(hue: hue, saturation: random.next(in: 0.55..<0.75), value: random.next(in: 0.45..<0.7))
        let horizon = Tint(hue: warm, saturation: random.next(in: 0.25..<0.45), value: 0.98)
        skyBottom = horizon
        sun = Tint(hue: warm + 0.03, saturation: 0.12, value: 1)
        sunX = random.next(in: 0.2..<0.8)
        sunY = random.next(in: 0.2..<0.42)
        sunRadius = random.next(in: 0.07..<0.13)
        let ground = Tint(hue: hue + 0.04, saturation: random.next(in: 0.5..<0.7), value: 0.2)
        ridges = (0..<4).map { layer in
            let near = Float(layer) / 3
            let tint = horizon.mixed(with: ground, 0.34 + 0.56 * near)
            return Ridge(
                tint: tint, mist: tint.mixed(with: horizon, 0.42 - 0.3 * near),
                base: 0.60 + 0.13 * Float(layer), swing: random.next(in: 0.14..<0.26) - 0.03 * near,
                knots: (0..<23).map { _ in random.next(in: 0..<1) })
        }
    }

    /// The light colour of the label, which belongs to the palette.
    var accent: Colour {
        let light = skyBottom.mixed(with: sun, 0.35)
        return Colour(red: UInt8(light.red), green: UInt8(light.green), blue: UInt8(light.blue))
    }

    /// RGB bytes, rows from top to bottom.
    func pixels(width: Int, height: Int) -> [UInt8] {
        let tops = ridges.map { ridge in
            (0..<width).map { ridge.top(at: (Float($0) + 0.5) / Float(width)) * Float(height) }
        }
        return [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, count in
            for y in 0..<height {
                let row = UnsafeMutableBufferPointer(rebasing: buffer[(y * width * 3)..<((y + 1) * width * 3)])
                paintSky(row, y: y, width: width, height: height)
                for (ridge, top) in zip(ridges, tops) { paint(ridge, top, on: row, y: y, height: height) }
            }
            count = width * height * 3
        }
    }

    private func paintSky(_ row: UnsafeMutableBufferPointer<UInt8>, y: Int, width: Int, height: Int) {
        let fall = min(1, (Float(y) + 0.5) / (0.72 * Float(height)))
        let sky = skyTop.mixed(with: skyBottom, fall * fall * (3 - 2 * fall))
        let radius = sunRadius * Float(min(width, height))
        let (radius2, rim) = (radius * radius, 1 / (2 * radius))
        let (dy, middle) = (Float(y) + 0.5 - sunY * Float(height), sunX * Float(width))
        for x in 0..<width {
            let dx = Float(x) + 0.5 - middle
            let distance2 = dx * dx + dy * dy
            let glow = radius2 / (radius2 + distance2 * 0.55)
            let disc = min(max((radius2 - distance2) * rim + 0.5, 0), 1)
            var tint = sky
            tint.mix(sun, max(0.75 * glow * glow, 0.95 * disc))
            Self.store(tint, at: x * 3, in: row)
        }
    }

    private func paint(
        _ ridge: Ridge, _ top: [Float], on row: UnsafeMutableBufferPointer<UInt8>, y: Int, height: Int
    ) {
        let depth = 1 / (0.4 * Float(height))
        for x in 0..<top.count {
            let below = Float(y) + 0.5 - top[x]
            guard below > -0.5 else { continue }
            let tint = ridge.tint.mixed(with: ridge.mist, min(max(below * depth, 0), 1))
            guard below < 0.5 else {
                Self.store(tint, at: x * 3, in: row)
                continue
            }
            var edge = tint
            edge.red = Float(row[x * 3])
            edge.green = Float(row[x * 3 + 1])
            edge.blue = Float(row[x * 3 + 2])
            edge.mix(tint, below + 0.5)
            Self.store(edge, at: x * 3, in: row)
        }
    }

    @inline(__always)
    private static func store(_ tint: Tint, at place: Int, in row: UnsafeMutableBufferPointer<UInt8>) {
        row[place] = UInt8(min(max(tint.red + 0.5, 0), 255))
        row[place + 1] = UInt8(min(max(tint.green + 0.5, 0), 255))
        row[place + 2] = UInt8(min(max(tint.blue + 0.5, 0), 255))
    }
}

/// The dark band at the foot of the picture with the label and the prompt.
private struct SandboxCaption {
    private let width: Int, height: Int
    private let letters: [Character]
    private let margin: Int
    private let style: TextStyle
    private let labelStyle: TextStyle

    /// No more of the prompt than this is ever laid out, however many marks are piled on one letter.
    private static let scalarsLimit = 4_000

    init(prompt: String, width: Int, height: Int) {
        self.width = width
        self.height = height
        let start = String(String.UnicodeScalarView(prompt.unicodeScalars.prefix(Self.scalarsLimit)))
        let isGap = { (part: Character) in part.isWhitespace || part.unicodeScalars.allSatisfy { $0.value < 0x20 } }
        letters = Array(start.split(whereSeparator: isGap).joined(separator: " "))
        let side = min(width, height)
        margin = max(4, side / 28)
        let wrap = max(1, width - 2 * margin)
        let size = min(max(side / 38 + 5, 9), 40)
        style = TextStyle(sizePixels: size, wrapWidthPixels: wrap, lineGapPixels: size / 6)
        labelStyle = TextStyle(sizePixels: max(size * 4 / 5, 9), wrapWidthPixels: wrap, isBold: true)
    }

    func painted(
        on picture: consuming Picture, label: String, accent: Colour
    ) throws(VipsError) -> Picture {
        let title = try Mask(text: label, style: labelStyle)
        let gap = style.sizePixels * 2 / 3
        let room = max(style.sizePixels, height * 2 / 5 - title.height - gap - 2 * margin)
        var bandHeight = title.height + 2 * margin
        if letters.isEmpty {
            let shaded = try shaded(picture, bandHeight: bandHeight)
            return try shaded.painted(accent, through: title, x: margin, y: height - bandHeight + margin)
        }
        let text = try fittingText(height: room)
        bandHeight += gap + text.height
        let top = height - bandHeight + margin
        return try shaded(picture, bandHeight: bandHeight)
            .painted(accent, through: title, x: margin, y: top)
            .painted(.white, through: text, x: margin, y: top + title.height + gap)
    }

    /// The whole prompt, or as much of it as fits with an ellipsis, found by halving. The quotation marks also make sure
    /// that a prompt of invisible characters has something to draw.
    private func fittingText(height room: Int) throws(VipsError) -> Mask {
        // A letter is at least about a quarter as wide as the font is high, so more than this cannot fit.
        let most = (room / style.sizePixels + 1) * (style.wrapWidthPixels * 4 / style.sizePixels + 1)
        if letters.count <= most {
            let whole = try Mask(text: quoted(letters[...]), style: style)
            if whole.height <= room { return whole }
        }
        var (fits, tooMany) = (0, min(letters.count, most + 1))
        while tooMany - fits > 1 {
            let middle = (fits + tooMany) / 2
            let height = try Mask(text: quoted(letters.prefix(middle)), style: style).height
            if height <= room { fits = middle } else { tooMany = middle }
        }
        return try Mask(text: quoted(letters.prefix(fits)), style: style)
    }

    private func quoted(_ part: ArraySlice<Character>) -> String {
        let ending = part.count < letters.count ? "\u{2026}" : ""
        return "\u{201C}" + String(part).trimmingTrailingSpace + ending + "\u{201D}"
    }

    /// Darkens the foot of the picture: fully under the text, fading out above it.
    private func shaded(_ picture: borrowing Picture, bandHeight: Int) throws(VipsError) -> Picture {
        let fade = margin
        let rows = bandHeight + fade
        var coverage = [UInt8](repeating: 168, count: rows * width)
        for y in 0..<fade {
            let shade = UInt8(168 * (y + 1) / (fade + 1))
            for x in 0..<width { coverage[y * width + x] = shade }
        }
        let mask = try Mask(width: width, height: rows, coverage: coverage)
        return try picture.painted(.black, through: mask, x: 0, y: height - rows)
    }
}

extension String {
    fileprivate var trimmingTrailingSpace: String { last == " " ? String(dropLast()) : self }
}
