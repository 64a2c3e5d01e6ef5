import Domain
import Testing

/// Text that is not UTF-8 is refused, and the byte is named.
@Suite struct CSVEncodingTests {
    private func error(_ bytes: [UInt8], cut: Int = 0) -> CSVError? {
        var reader = CSVReader()
        do {
            try reader.read(Array(bytes.prefix(cut))) { _ in }
            try reader.read(Array(bytes.dropFirst(cut))) { _ in }
            try reader.finish { _ in }
        } catch { return error as? CSVError }
        return nil
    }

    @Test(
        arguments: [
            ([0xe9], 1, 1, 0xe9), (Array("a,b\nc".utf8) + [0xe9, 0x2c], 2, 3, 0x2c), ([0x80], 1, 1, 0x80),
            ([0xc0, 0x80], 1, 1, 0xc0),
            ([0xc1, 0xbf], 1, 1, 0xc1), ([0xe0, 0x9f, 0xbf], 1, 2, 0x9f), ([0xed, 0xa0, 0x80], 1, 2, 0xa0),
            ([0xf0, 0x8f, 0xbf, 0xbf], 1, 2, 0x8f), ([0xf4, 0x90, 0x80, 0x80], 1, 2, 0x90), ([0xf5], 1, 1, 0xf5),
            ([0xff, 0xfe], 1, 1, 0xff),
            ([0x61, 0xe2, 0x82], 1, 3, 0x82), ([0xef, 0xbb], 1, 2, 0xbb), ([0xef, 0x61], 1, 2, 0x61),
            ([0x61, 0x00], 1, 2, 0x00),
            (Array("\"a\n\nb".utf8) + [0xff], 3, 2, 0xff), ([0xef, 0xbb, 0xbf, 0xff], 1, 4, 0xff),
        ] as [([UInt8], Int, Int, UInt8)])
    func theByteIsNamed(bytes: [UInt8], line: Int, byte: Int, value: UInt8) {
        for cut in 0...bytes.count {
            #expect(error(bytes, cut: cut) == .notUTF8(line: line, byte: byte, value: value))
        }
        #expect(CSVError.notUTF8(line: line, byte: byte, value: value).description.contains("save the file as UTF-8"))
    }

    @Test func theByteIsWrittenInTwoDigits() {
        #expect(
            CSVError.notUTF8(line: 3, byte: 7, value: 9).description.hasPrefix("line 3, byte 7 is not UTF-8 text (0x09): "))
    }

    @Test func everyScalarIsAccepted() {
        for value in UInt32(1)...0x10ffff {
            guard let scalar = Unicode.Scalar(value), !"\",\r".unicodeScalars.contains(scalar) else { continue }
            if let error = error(Array(String(scalar).utf8)) {
                Issue.record("U+\(String(value, radix: 16)): \(error)")
                return
            }
        }
    }

    @Test func theStandardLibraryAgreesOnRandomBytes() {
        var random = SystemRandomNumberGenerator()
        var valid = 0
        for _ in 0..<30_000 {
            // Bytes from the edges of the encoding, so that valid texts happen as well.
            let edges: [UInt8] = [
                0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0,
                0xf1,
                0xf4, 0xf5,
            ]
            let bytes = (0..<Int.random(in: 1...5, using: &random)).map { _ in edges.randomElement(using: &random)! }
            let isValid = String(validating: bytes, as: UTF8.self) != nil
            if isValid { valid += 1 }
            #expect((error(bytes) == nil) == isValid, "\(bytes)")
        }
        #expect(valid > 500)
    }
}
