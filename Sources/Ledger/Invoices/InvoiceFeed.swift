import Crypto
import Domain
import Synchronization

/// An invoice on its way into the database: takes the file's bytes piece by piece and gives lines for COPY, so that a
/// file of any length needs the memory of one piece.
public final class InvoiceFeed: Sendable {
    /// What was read so far.
    struct Progress {
        fileprivate(set) var lines: InvoiceLines?
        fileprivate(set) var loaded = 0
        /// Lines that say that nothing is billed.
        fileprivate(set) var skipped = 0
    }

    private struct State {
        var reader = CSVReader()
        var digest = SHA256()
        var progress = Progress()
        var isEmpty = true
        var hasEnded = false
    }

    private let format: InvoiceFormat
    private let linesMax: Int
    private let nextPiece: @Sendable () throws -> [UInt8]?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - format: how the file is to be read.
    ///   - linesMax: a bound for what a mistake can load into the database, and for the sums of amounts.
    ///   - nextPiece: the next bytes of the file; nil at its end.
    public init(
        _ format: InvoiceFormat, linesMax: Int = 5_000_000, nextPiece: @escaping @Sendable () throws -> [UInt8]?
    ) {
        self.format = format
        self.linesMax = linesMax
        self.nextPiece = nextPiece
    }

    /// How the file was read: with the columns that were found, once its first line is read.
    var formatRead: InvoiceFormat { state.withLock { $0.progress.lines?.format ?? format } }

    /// How many lines were left out, once all are read.
    var skipped: Int { state.withLock { $0.progress.skipped } }

    /// SHA-256 of the file, once it is read.
    var digest: [UInt8] { state.withLock { Array($0.digest.finalize()) } }

    /// The lines of the next piece, perhaps none; nil at the end.
    func nextChunk() throws -> [UInt8]? {
        try state.withLock { state in
            if state.hasEnded { return nil }
            var output: [UInt8] = []
            // Moved out and back, so that the reader and its reader's progress are never one access, nor copied.
            var progress = Progress()
            swap(&progress, &state.progress)
            defer { swap(&progress, &state.progress) }
            func take(_ record: CSVRecord) throws {
                try progress.take(record, format, &output)
                guard progress.loaded <= linesMax else { throw InvoiceError.tooManyLines(max: linesMax) }
            }
            if let piece = try nextPiece() {
                state.isEmpty = state.isEmpty && piece.isEmpty
                state.digest.update(data: piece)
                output.reserveCapacity(piece.count)
                try state.reader.read(piece, take)
                return output
            }
            state.hasEnded = true
            try state.reader.finish(take)
            if state.isEmpty || progress.lines == nil { throw InvoiceError.empty }
            if progress.loaded + progress.skipped == 0 { throw InvoiceError.noLines }
            return output
        }
    }
}

extension InvoiceFeed.Progress {
    fileprivate mutating func take(_ record: CSVRecord, _ format: InvoiceFormat, _ output: inout [UInt8]) throws {
        guard lines != nil else {
            lines = try InvoiceLines(record, format)
            return
        }
        if try lines?.append(record, to: &output) == true { loaded += 1 } else { skipped += 1 }
    }
}
