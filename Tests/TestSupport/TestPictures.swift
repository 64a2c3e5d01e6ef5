/// Picture files written by hand, for tests that do not link libvips.
public enum TestPictures {
    /// A PNG of bytes that are given row by row: 1 band (grey), 3 (RGB) or 4 (RGBA).
    public static func png(width: Int, height: Int, bands: Int, _ pixels: [UInt8]) -> [UInt8] {
        precondition(pixels.count == width * height * bands, "a byte for each band of each pixel")
        let colourType: UInt8 = [1: 0, 3: 2, 4: 6][bands] ?? 0
        return png(width: width, height: height, head: [8, colourType, 0, 0, 0], rowBytes: width * bands, pixels)
    }

    /// A plain RGB PNG.
    public static func png(width: Int, height: Int, _ red: UInt8, _ green: UInt8, _ blue: UInt8) -> [UInt8] {
        let pixels = (0..<(width * height)).flatMap { _ in [red, green, blue] }
        return png(width: width, height: height, bands: 3, pixels)
    }

    /// A grey PNG whose left `share` of columns is white and whose rest is black: a mask.
    public static func mask(width: Int, height: Int, whiteColumns: Int) -> [UInt8] {
        let row = (0..<width).map { UInt8($0 < whiteColumns ? 255 : 0) }
        return png(width: width, height: height, bands: 1, (0..<height).flatMap { _ in row })
    }

    /// A PNG with 16 bits in each of three bands, all of one value.
    public static func deepPNG(width: Int, height: Int, value: UInt16) -> [UInt8] {
        let pixels = (0..<(width * height * 3)).flatMap { _ in [UInt8(value >> 8), UInt8(value & 255)] }
        return png(width: width, height: height, head: [16, 2, 0, 0, 0], rowBytes: width * 6, pixels)
    }

    /// A PNG whose header promises a size and which holds almost nothing.
    public static func bomb(width: Int, height: Int) -> [UInt8] {
        signature + chunk("IHDR", bigEndian(width) + bigEndian(height) + [8, 2, 0, 0, 0])
            + chunk("IDAT", [0x78, 0x9C, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01]) + chunk("IEND", [])
    }

    private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    private static func png(width: Int, height: Int, head: [UInt8], rowBytes: Int, _ pixels: [UInt8]) -> [UInt8] {
        var rows: [UInt8] = []
        rows.reserveCapacity(height * (rowBytes + 1))
        for row in 0..<height { rows += [0] + pixels[(row * rowBytes)..<((row + 1) * rowBytes)] }
        return signature + chunk("IHDR", bigEndian(width) + bigEndian(height) + head) + chunk("IDAT", stored(rows))
            + chunk("IEND", [])
    }

    /// zlib without compression.
    private static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = [0x78, 0x01]
        var start = 0
        repeat {
            let part = bytes[start..<min(start + 65535, bytes.count)]
            start = part.endIndex
            let (low, high) = (UInt8(part.count & 255), UInt8(part.count >> 8))
            output += [start == bytes.count ? 1 : 0, low, high, ~low, ~high] + part
        } while start < bytes.count
        var (a, b): (UInt32, UInt32) = (1, 0)
        for byte in bytes {
            a = (a + UInt32(byte)) % 65521
            b = (b + a) % 65521
        }
        return output + bigEndian(Int(b << 16 | a))
    }

    private static func bigEndian(_ value: Int) -> [UInt8] {
        stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    private static func chunk(_ name: String, _ body: [UInt8]) -> [UInt8] {
        let content = Array(name.utf8) + body
        return bigEndian(body.count) + content + bigEndian(Int(crc32(content)))
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes { crc = (crc >> 8) ^ table[Int((crc ^ UInt32(byte)) & 255)] }
        return ~crc
    }

    private static let table: [UInt32] = (0..<256).map { number in
        (0..<8).reduce(UInt32(number)) { value, _ in (value >> 1) ^ (value & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
}
