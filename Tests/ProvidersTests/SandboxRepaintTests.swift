import Domain
import Providers
import Testing
import Vips

/// Edit and inpaint of the sandbox, through the engine as a worker uses it.
@Suite(.timeLimit(.minutes(5))) struct SandboxRepaintTests {
    private static let size = ImageSize(width: 160, height: 120)
    private let engine = SandboxEngine(SandboxSettings(durationSeconds: 0, failurePercent: 0))

    /// A picture in which every pixel differs from its neighbours.
    private func input(_ size: ImageSize = size) throws -> [UInt8] {
        var rgb: [UInt8] = []
        for y in 0..<size.height {
            for x in 0..<size.width { rgb += [UInt8(x % 256), UInt8(y % 256), UInt8((x * 7 + y * 13) % 256)] }
        }
        return rgb
    }

    private func png(_ rgb: [UInt8], _ size: ImageSize = size) throws -> [UInt8] {
        try Picture(width: size.width, height: size.height, rgb: rgb).encode(as: .png)
    }

    private func mask(_ size: ImageSize = size, _ isWhite: (_ x: Int, _ y: Int) -> Bool) throws -> [UInt8] {
        var rgb: [UInt8] = []
        for y in 0..<size.height {
            for x in 0..<size.width { rgb += [UInt8](repeating: isWhite(x, y) ? 255 : 0, count: 3) }
        }
        return try png(rgb, size)
    }

    private func file(
        _ inputs: PreparedInputs?, prompt: String = "a red fox", seed: Int64 = 7, size: ImageSize = size,
        format: ImageFormat = .png
    ) async throws -> [UInt8] {
        let request = ImageRequest(
            prompt: prompt, sizeText: nil, size: size, seed: seed, format: format, nsfwCheck: false,
            inputs: inputs.map { ImageInputs(image: .url("-"), mask: $0.mask.map { _ in .url("-") }, strength: $0.strength) })
        let answer = await engine.submit(ProviderJob(image: request, model: "m", inputs: inputs)) { _ in }
        guard case .made(let picture) = answer, case .bytes(let bytes) = picture.source else {
            throw ProviderFault(.failed, "\(answer)")
        }
        let made = try PictureHeader(of: bytes)
        #expect([made.width, made.height] == [size.width, size.height])
        return bytes
    }

    private func drawn(_ inputs: PreparedInputs?, prompt: String = "a red fox", seed: Int64 = 7) async throws -> [UInt8] {
        try Picture.decode(try await file(inputs, prompt: prompt, seed: seed)).pixelBytes()
    }

    private func distance(_ a: [UInt8], _ b: [UInt8]) -> Int { zip(a, b).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) } }

    @Test func itDoesEverything() {
        #expect(engine.capabilities.operations == Set(TaskOperation.allCases))
    }

    @Test func strengthLeadsFromThePictureToTheLandscape() async throws {
        let (picture, landscape) = (try input(), try await drawn(nil))
        let file = try png(picture)
        var distances: [Int] = []
        for strength in [0, 0.25, 0.5, 0.75, 1] {
            let edited = try await drawn(PreparedInputs(image: file, mask: nil, strength: strength))
            distances.append(distance(edited, picture))
            if strength == 0 { #expect(edited == picture) }
            if strength == 1 { #expect(edited == landscape) }
            for index in edited.indices {
                let ends = [picture[index], landscape[index]]
                #expect((ends[0] <= edited[index] || ends[1] <= edited[index]) && (ends[0] >= edited[index] || ends[1] >= edited[index]))
            }
        }
        #expect(distances == distances.sorted() && Set(distances).count == 5)
    }

    private static let shapes: [(name: String, isWhite: @Sendable (Int, Int) -> Bool)] = [
        ("a box", { (40..<120).contains($0) && (20..<90).contains($1) }),
        ("a disc", { ($0 - 80) * ($0 - 80) + ($1 - 60) * ($1 - 60) < 2500 }),
        ("an L", { $0 < 20 || $1 > 100 }), ("a pixel", { $0 == 5 && $1 == 7 }), ("a column", { x, _ in x == 159 }),
        ("a chessboard", { ($0 + $1) % 2 == 0 }), ("everything", { _, _ in true }), ("nothing", { _, _ in false }),
    ]

    @Test(arguments: shapes.indices) func onlyWhatIsWhiteChanges(shape: Int) async throws {
        let (picture, isWhite) = (try input(), Self.shapes[shape].isWhite)
        let inputs = PreparedInputs(image: try png(picture), mask: try mask(Self.size, isWhite), strength: 1)
        let painted = try await drawn(inputs)
        var (white, changed) = (0, 0)
        for place in 0..<(160 * 120) {
            let bytes = (place * 3)..<(place * 3 + 3)
            let differs = painted[bytes] != picture[bytes]
            if isWhite(place % 160, place / 160) {
                white += 1
                changed += differs ? 1 : 0
            } else {
                #expect(!differs, "\(Self.shapes[shape].name): the pixel \(place % 160), \(place / 160) is kept")
            }
        }
        #expect(changed * 10 >= white * 9, "\(Self.shapes[shape].name): what is white is repainted")
        let kept = try await drawn(PreparedInputs(image: inputs.image, mask: inputs.mask, strength: 0))
        #expect(kept == picture)
    }

    /// The letters are white, which neither picture nor landscape are.
    @Test func promptAndLabelAreInTheLargestBoxThatMayBePainted() async throws {
        let box = (x: 50..<150, y: 10..<100)
        let mask = try mask { x, y in box.x.contains(x) && box.y.contains(y) || y == 119 }
        let grey = [UInt8](repeating: 90, count: 160 * 120 * 3)
        func letters(_ prompt: String) async throws -> [Int] {
            let painted = try await drawn(PreparedInputs(image: try png(grey), mask: mask, strength: 1), prompt: prompt)
            return (0..<(160 * 120)).filter { place in painted[(place * 3)..<(place * 3 + 3)].allSatisfy { $0 > 235 } }
        }
        let written = try await letters("HHHH MMMM HHHH")
        #expect(written.count > 10)
        let inBox = written.allSatisfy { box.x.contains($0 % 160) && box.y.contains($0 / 160) }
        #expect(inBox)
    }

    @Test func theSameRequestGivesTheSameBytes() async throws {
        let inputs = PreparedInputs(
            image: try png(try input()), mask: try mask { x, y in x > y }, strength: 0.7)
        for format in ImageFormat.allCases {
            let first = try await file(inputs, format: format)
            #expect(try await file(inputs, format: format) == first)
            #expect(try await file(inputs, seed: 8, format: format) != first)
            #expect(try await file(inputs, prompt: "a blue fox", format: format) != first)
            let edit = PreparedInputs(image: inputs.image, mask: nil, strength: 0.7)
            #expect(try await file(edit, format: format) != first)
        }
    }

    @Test func inputsThatWereNotMadeReadyAreRefused() async throws {
        let other = ImageSize(width: 64, height: 64)
        let small = try png(try input(other), other)
        await #expect(throws: ProviderFault.self) { try await file(PreparedInputs(image: small, mask: nil, strength: 1)) }
        let image = try png(try input())
        await #expect(throws: ProviderFault.self) { try await file(PreparedInputs(image: image, mask: small, strength: 1)) }
        await #expect(throws: ProviderFault.self) { try await file(PreparedInputs(image: [1], mask: nil, strength: 1)) }
    }
}
