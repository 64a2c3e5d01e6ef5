import Synchronization

/// Reads from a stream, while it arrives, how far the work is:
/// `data: {"type":"image_generation.progress","step":3,"steps":8}`.
final class EngineProgress: Sendable {
    private struct State {
        var line: [UInt8] = []
        /// The line is longer than any about progress: it holds the picture.
        var isTooLong = false
        var linesRead = 0
        var percent = 0

        mutating func add(_ bytes: ArraySlice<UInt8>) {
            isTooLong = isTooLong || line.count + bytes.count > EngineProgress.lineBytesMax
            if isTooLong { line = [] } else { line += bytes }
        }

        /// What the line that ends here says; nil when it says nothing new.
        mutating func endLine() -> Int? {
            defer { (line, isTooLong) = ([], false) }
            guard !line.isEmpty, linesRead < EngineProgress.linesMax else { return nil }
            linesRead += 1
            guard let told = EngineProgress.percent(line[...]), told > percent else { return nil }
            percent = told
            return told
        }
    }

    private static let lineBytesMax = 1024
    private static let linesMax = 2000
    /// The rest is for what comes after the last step: decoding, encoding, the way here.
    private static let percentMax = 95

    private let state = Mutex(State())
    private let report: @Sendable (Int) -> Void

    /// - Parameter report: told each time that the percentage rises.
    init(_ report: @escaping @Sendable (Int) -> Void) { self.report = report }

    func take(_ part: [UInt8]) {
        let rises = state.withLock { state in
            var rises: [Int] = []
            var rest = part[...]
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                state.add(rest[..<end])
                if let percent = state.endLine() { rises.append(percent) }
                rest = rest[(end + 1)...]
            }
            state.add(rest)
            return rises
        }
        for percent in rises { report(percent) }
    }

    private static func percent(_ line: ArraySlice<UInt8>) -> Int? {
        guard let data = EngineEvents.data(line), let event = EngineObject(data),
            event.text("type")?.hasSuffix(".progress") == true,
            let step = event.number("step"), let steps = event.number("steps"), step >= 0, steps > 0
        else { return nil }
        return min(Int(min(step / steps, 1) * 100), percentMax)
    }
}
