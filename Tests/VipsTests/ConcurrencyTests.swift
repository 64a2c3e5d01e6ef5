import Dispatch
import Synchronization
import Testing
import Vips

@Suite struct ConcurrencyTests {
    /// Good and bad work at the same time: results must not mix, and a failure elsewhere must not fail a good picture.
    @Test func threadsDoNotDisturbEachOther() throws {
        let png = try Samples.picture(width: 200, height: 150).encode(as: .png)
        let broken = Array(png.prefix(png.count / 2))
        let expected = try Self.drawn(png, number: 0)
        let outcomes = Mutex<[Int: Bool]>([:])
        DispatchQueue.concurrentPerform(iterations: 48) { number in
            let isRight: Bool
            switch number % 3 {
            case 0: isRight = failure { _ = try Picture.decode(broken) }?.reason == .damaged
            case 1: isRight = (try? Self.drawn(png, number: 0)) == expected
            default: isRight = (try? Self.drawn(png, number: number)).map { $0 != expected } ?? false
            }
            outcomes.withLock { $0[number] = isRight }
        }
        let wrong = outcomes.withLock { $0.filter { !$0.value }.keys.sorted() }
        #expect(outcomes.withLock { $0.count } == 48)
        #expect(wrong.isEmpty)
    }

    @Test func aPictureMovesToAnotherThread() throws {
        let bytes = Mutex<[UInt8]>([])
        let file = try Samples.picture().encode(as: .png)
        DispatchQueue.concurrentPerform(iterations: 1) { _ in
            let encoded = try? Picture.decode(file).encode(as: .png)
            bytes.withLock { $0 = encoded ?? [] }
        }
        DispatchQueue.global().sync { VipsLibrary.leaveThread() }
        #expect(bytes.withLock { $0 } == file)
    }

    @Test func theVersionIsOneThatHasTheOptionsInUse() {
        let parts = VipsLibrary.version.split(separator: ".").compactMap { Int($0) }
        #expect(parts.count >= 2)
        #expect((parts[0], parts[1]) >= (8, 14))
    }

    private static func drawn(_ file: [UInt8], number: Int) throws -> [UInt8] {
        let style = TextStyle(sizePixels: 20, wrapWidthPixels: 180)
        return try Picture.decode(file)
            .drawText("number \(number)", style: style, colour: .white, x: 5, y: 5)
            .encode(as: .webp, quality: 80)
    }
}
