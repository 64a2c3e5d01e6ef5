import Dispatch
import Domain
import Foundation

/// Pictures in a folder of this machine, or of a network disk that all nodes share.
public struct FolderStore: ImageStore {
    private let folder: String
    /// File calls block, so they have threads of their own.
    private let queue = DispatchQueue(label: "images", attributes: .concurrent)
    private let slots = DispatchSemaphore(value: 8)

    /// - Parameter folder: made when it is missing.
    public init(folder: String) { self.folder = folder }

    public func put(_ bytes: [UInt8], at path: ImagePath) async throws(ImageStoreError) {
        try await run { () throws(ImageStoreError) in
            let hourFolder = "\(folder)/\(path.hour)"
            do {
                try FileManager.default.createDirectory(atPath: hourFolder, withIntermediateDirectories: true)
            } catch { throw .failed("cannot make \(hourFolder)") }
            let target = "\(folder)/\(path.text)"
            let draft = target + ".part"
            try Self.write(bytes, to: draft)
            guard rename(draft, target) == 0 else { throw Self.systemError() }
            try Self.flush(hourFolder)
            try Self.flush(folder)
        }
    }

    public func read(_ path: ImagePath) async throws(ImageStoreError) -> [UInt8] {
        try await run { () throws(ImageStoreError) in
            guard let data = FileManager.default.contents(atPath: "\(folder)/\(path.text)") else { throw .notFound }
            return Array(data)
        }
    }

    public func delete(_ path: ImagePath) async throws(ImageStoreError) {
        try await run { () throws(ImageStoreError) in
            guard unlink("\(folder)/\(path.text)") == 0 || errno == ENOENT else { throw Self.systemError() }
        }
    }

    public func sweep(nowSeconds: Int64) async throws(ImageStoreError) -> Int {
        // A picture made at the end of an hour is linked for a day, and a link may be read at its last moment.
        let oldest = (nowSeconds - Int64(Limits.linkSeconds)) / 3600 - 1
        return try await run { () throws(ImageStoreError) in
            let hours = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            let ended = hours.filter { Int64($0).map { $0 < oldest } ?? false }
            for hour in ended {
                do { try FileManager.default.removeItem(atPath: "\(folder)/\(hour)") } catch {
                    throw .failed("cannot remove \(folder)/\(hour)")
                }
            }
            return ended.count
        }
    }

    private func run<T: Sendable>(
        _ work: @escaping @Sendable () throws(ImageStoreError) -> T
    ) async throws(ImageStoreError) -> T {
        let result = await withCheckedContinuation { (continuation: CheckedContinuation<Result<T, ImageStoreError>, Never>) in
            queue.async {
                slots.wait()
                defer { slots.signal() }
                let result: Result<T, ImageStoreError>
                do throws(ImageStoreError) { result = .success(try work()) } catch { result = .failure(error) }
                continuation.resume(returning: result)
            }
        }
        return try result.get()
    }

    private static func write(_ bytes: [UInt8], to path: String) throws(ImageStoreError) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw systemError() }
        defer { close(file) }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
            guard count > 0 else { throw systemError() }
            written += count
        }
        guard fsync(file) == 0 else { throw systemError() }
    }

    /// Makes the folder's new name durable too.
    private static func flush(_ path: String) throws(ImageStoreError) {
        let file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw systemError() }
        defer { close(file) }
        guard fsync(file) == 0 else { throw systemError() }
    }

    private static func systemError() -> ImageStoreError { .failed(String(cString: strerror(errno))) }
}
