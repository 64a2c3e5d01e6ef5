import Foundation

/// The file of an invoice, read in pieces from its start to its end.
struct InvoiceFile {
    /// Large enough that the calls do not count, small beside the rest of the program.
    private static let pieceBytes = 256 * 1024

    /// For people: without the folders.
    let name: String
    private let path: String

    /// A file that is there.
    init(path: String) throws {
        self.path = path
        name = URL(fileURLWithPath: path).lastPathComponent
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw CommandError("there is no file '\(path)': give the invoice as a CSV file")
        }
        if isFolder.boolValue { throw CommandError("'\(path)' is a folder: give one CSV file in it") }
    }

    /// Opens it and answers a function that gives piece after piece.
    func pieces() throws -> @Sendable () throws -> [UInt8]? {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw CommandError("'\(path)' cannot be read: look at its permissions")
        }
        let path = path
        return {
            do {
                guard let piece = try handle.read(upToCount: Self.pieceBytes), !piece.isEmpty else { return nil }
                return Array(piece)
            } catch { throw CommandError("'\(path)' cannot be read to its end: try again, or copy it to another disk") }
        }
    }
}
