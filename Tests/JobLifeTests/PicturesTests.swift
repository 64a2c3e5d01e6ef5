import Admission
import Domain
import Foundation
import Images
import Providers
import TestSupport
import Testing

@testable import JobLife

/// Work on tasks of several pictures.
@Suite(.timeLimit(.minutes(5))) struct PicturesTests {
    private func submit(_ house: House, pictures: Int) async throws -> TaskID {
        let id = try await admit(house.database, house.tenant.submission().changed(pictures: pictures))
        house.hints.heard()
        return id
    }

    @Test func eachPictureHasASeedOfItsOwnAndTheyAreKeptInOrder() async throws {
        let asked = Box<[Int64]>([])
        try await withHouse(
            work: { job, progress in
                #expect(job.image.pictures == 1)
                asked.change { $0.append(job.image.seed) }
                progress(50)
                return [UInt8(job.image.seed)]
            }
        ) { house in
            let id = try await submit(house, pictures: 3)
            _ = await house.closed.next()
            #expect(asked.value == [7, 8, 9])
            let row = try await house.database.rows(
                "select state, settled, jsonb_path_query_array(images, '$[*].path') from tasks where id = \(id.value)")[0]
            #expect(row[0] == "completed" && row[1] == "78000")
            let paths = try JSONDecoder().decode([String].self, from: Data((row[2] ?? "").utf8))
            #expect(paths.count == 3)
            for (index, text) in paths.enumerated() {
                let path = try #require(ImagePath(text))
                #expect(text.hasSuffix("-\(index).png"))
                #expect(try await house.store.read(path) == [UInt8(7 + index)])
            }
        }
    }

    @Test func aPictureThatFailsTakesTheOthersWithIt() async throws {
        try await withHouse(
            work: { job, _ in
                if job.image.seed == 9 { throw ProviderFault(.failed, "no") }
                return [1]
            }
        ) { house in
            let id = try await submit(house, pictures: 3)
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["failed", "0", TaskFailure.generationFailed.rawValue])
            #expect(try await house.tenant.balance(house.database) == (1_000_000, 0, 0))
            var events: [WatchedStore.Event] = []
            for _ in 0..<4 { events.append(try #require(await house.store.events.next())) }
            guard case .put(let first) = events[0], case .put(let second) = events[1] else { throw TestFailure("\(events)") }
            #expect(Set(events[2...].map { "\($0)" }) == Set([first, second].map { "\(WatchedStore.Event.delete($0))" }))
        }
    }
}
