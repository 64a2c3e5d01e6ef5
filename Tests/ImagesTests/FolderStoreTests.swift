import Domain
import Foundation
import Images
import Testing

@Suite(.timeLimit(.minutes(5))) struct FolderStoreTests {
    private let now: Int64 = 1_700_000_000

    private func withStore(_ body: (FolderStore, String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "store-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(FolderStore(folder: folder), folder)
    }

    private func path(_ lease: Int64 = 1, at seconds: Int64? = nil) -> ImagePath {
        ImagePath(atSeconds: seconds ?? now, lease: lease, index: 0, format: .png)
    }

    @Test func whatIsPutIsReadUntilItIsDeleted() async throws {
        try await withStore { store, _ in
            let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            try await store.put(bytes, at: path())
            #expect(try await store.read(path()) == bytes)
            try await store.delete(path())
            await #expect(throws: ImageStoreError.notFound) { try await store.read(path()) }
            try await store.delete(path())
        }
    }

    @Test func whatWasNeverPutIsNotFound() async throws {
        try await withStore { store, _ in
            await #expect(throws: ImageStoreError.notFound) { try await store.read(path()) }
        }
    }

    @Test func aSecondPutReplacesTheFirstAndLeavesNoDraft() async throws {
        try await withStore { store, folder in
            try await store.put([1, 2, 3], at: path())
            try await store.put([], at: path())
            #expect(try await store.read(path()).isEmpty)
            try await store.put([4], at: path())
            #expect(try await store.read(path()) == [4])
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(path().hour)") == ["1-0.png"])
        }
    }

    @Test func manyPutsAtOnceAllArrive() async throws {
        try await withStore { store, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lease in 1...60 as ClosedRange<Int64> {
                    group.addTask { try await store.put([UInt8(lease)], at: path(lease)) }
                }
                try await group.waitForAll()
            }
            for lease in 1...60 as ClosedRange<Int64> {
                #expect(try await store.read(path(lease)) == [UInt8(lease)])
            }
        }
    }

    @Test func aPictureIsReadableByItsOwnerAlone() async throws {
        try await withStore { store, folder in
            try await store.put([1], at: path())
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(path().text)")
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
    }

    /// A picture may be linked at the last moment of its hour, and that link lives for a day.
    @Test func aPictureIsSweptOnlyAfterTheLastLinkToItEnded() async throws {
        try await withStore { store, _ in
            try await store.put([1], at: path())
            let hourEnd = (now / 3600 + 1) * 3600
            let lastLinkEnds = hourEnd + Int64(Limits.linkSeconds)
            #expect(try await store.sweep(nowSeconds: now) == 0)
            #expect(try await store.sweep(nowSeconds: lastLinkEnds) == 0)
            #expect(try await store.read(path()) == [1])
            #expect(try await store.sweep(nowSeconds: lastLinkEnds + 2 * 3600) == 1)
            await #expect(throws: ImageStoreError.notFound) { try await store.read(path()) }
            #expect(try await store.sweep(nowSeconds: lastLinkEnds + 2 * 3600) == 0)
        }
    }

    @Test func aSweepTakesWholeHoursAndNothingThatIsNotOurs() async throws {
        try await withStore { store, folder in
            for hour in 0..<5 as Range<Int64> { try await store.put([1], at: path(1, at: now + hour * 3600)) }
            for name in ["notes", "lost+found", "12x"] {
                try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
            }
            let sweepAt = now + Int64(Limits.linkSeconds) + 4 * 3600
            #expect(try await store.sweep(nowSeconds: sweepAt) == 3)
            let left = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            let first = now / 3600
            #expect(left == ["12x", "\(first + 3)", "\(first + 4)", "lost+found", "notes"])
        }
    }

    @Test func aSweepOfNoFolderFindsNothing() async throws {
        try await withStore { store, _ in
            let swept = try await store.sweep(nowSeconds: now)
            #expect(swept == 0)
        }
    }

    @Test func aFolderThatCannotBeMadeIsAnErrorThatSaysWhatToDo() async throws {
        try await withStore { _, folder in
            try Data("a file".utf8).write(to: URL(fileURLWithPath: folder))
            let error = await #expect(throws: ImageStoreError.self) {
                try await FolderStore(folder: folder).put([1], at: path())
            }
            #expect(error.map { "\($0)" }?.contains("check ZIMAGE_DATA") == true)
        }
    }
}
