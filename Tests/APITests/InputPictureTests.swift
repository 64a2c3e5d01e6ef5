import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Images
import NIOCore
import TestSupport
import Testing

@testable import API

/// Submits with pictures to start from, in the unified dialect.
@Suite(.timeLimit(.minutes(5))) struct InputPictureTests {
    private static let picture = TestPictures.png(width: 64, height: 64, 10, 20, 30)
    private static let mask = TestPictures.mask(width: 64, height: 64, whiteColumns: 8)

    private static func uri(_ bytes: [UInt8], _ type: String = "image/png") -> String {
        "data:\(type);base64,\(Data(bytes).base64EncodedString())"
    }

    private static func body(_ members: String) -> String {
        #"{"model":"z-image-turbo","prompt":"a cat","size":"376x376"\#(members)}"#
    }

    private static func image(_ text: String, _ members: String = "") -> String { body(#","image_url":"\#(text)"\#(members)"#) }

    private func request(_ api: APIFixture) async throws -> [String?] {
        try await api.database.rows(
            """
            select operation, request->'inputs'->'image'->>'url', request->'inputs'->'image'->>'stored',
                request->'inputs'->'mask'->>'url', request->'inputs'->>'strength', length(request::text) < 1000
            from tasks order by id desc limit 1
            """)[0]
    }

    private func kept(_ api: APIFixture) -> [String] {
        let hours = (try? FileManager.default.subpathsOfDirectory(atPath: api.folder)) ?? []
        return hours.filter { $0.hasSuffix(".png") }
    }

    @Test func picturesAreNamedOrSent() async throws {
        try await withAPI { api in
            let key = try await Tenant.make(api.database).keyText
            let url = "https://example.com/a.png"
            #expect(try await api.submit(Self.image(url), key: key).status == 200)
            #expect(try await request(api) == ["edit", url, nil, nil, "0.6", "t"])
            let masked = Self.image(url, #","mask":"https://example.com/m.png","strength":0.123456789012345"#)
            #expect(try await api.submit(masked, key: key).status == 200)
            #expect(try await request(api) == ["inpaint", url, nil, "https://example.com/m.png", "0.123456789012345", "t"])
            let sent = Self.image(Self.uri(Self.picture), #","mask":"\#(Self.uri(Self.mask))","strength":0"#)
            #expect(try await api.submit(sent, key: key).status == 200)
            let row = try await request(api)
            #expect(row[0] == "inpaint" && row[5] == "t", "the picture is not in the row")
            let path = try #require(row[2].flatMap { ImagePath($0) })
            #expect(try await api.store.read(path) == Self.picture)
            #expect(kept(api).count == 2)
            // Nulls are absent.
            let plain = Self.body(#","image_url":null,"mask":null,"strength":null"#)
            #expect(try await api.submit(plain, key: key).status == 200)
            #expect(try await request(api) == ["generate", nil, nil, nil, nil, "t"])
            // No link leads to what a customer sent.
            let link = api.links.link(to: path, expiresSeconds: api.clock.now + 60)
            #expect(try await api.send(.get, String(link.dropFirst("https://images.test".count))).status == 403)
            #expect(try await ledgerDrift(api.database) == [])
        }
    }

    @Test func aRepeatedSubmitWithPicturesIsTheSameTask() async throws {
        try await withAPI { api in
            let key = try await Tenant.make(api.database).keyText
            let body = Self.image(Self.uri(Self.picture))
            let first = try await api.submit(body, key: key, idempotencyKey: "a")
            let second = try await api.submit(body, key: key, idempotencyKey: "a")
            #expect(first.status == 200 && second.bytes == first.bytes && second.header("Idempotency-Replayed") == "true")
            for other in [Self.image(Self.uri(Self.mask)), Self.image(Self.uri(Self.picture), #","strength":0.5"#)] {
                #expect(try await api.submit(other, key: key, idempotencyKey: "a").status == 422)
            }
            #expect(try await api.database.number("select count(*) from tasks") == 1)
            #expect(kept(api).count == 1, "only the picture of the task is kept")
        }
    }

    @Test func faultsNameTheirFieldAndLeaveNothingBehind() async throws {
        let good = Self.uri(Self.picture)
        let much = "data:image/png;base64," + String(repeating: "A", count: 14 << 20)
        let faults: [(status: Int, param: String, body: String)] = [
            (400, "mask", Self.body(#","mask":"\#(good)""#)), (400, "strength", Self.body(#","strength":0.5"#)),
            (400, "image_url", Self.body(#","image_url":7"#)), (400, "image_url", Self.image("")),
            (400, "image_url", Self.image("http://example.com/a.png")), (400, "image_url", Self.image("https://10.0.0.1/a.png")),
            (400, "image_url", Self.image("https://169.254.169.254/latest")), (400, "image_url", Self.image("data:image/gif;base64,AAAA")),
            (400, "image_url", Self.image("data:image/png;base64,AAAA")), (413, "image_url", Self.image(much)),
            (400, "image_url", Self.image(Self.uri(TestPictures.bomb(width: 60_000, height: 60_000)))),
            (400, "image_url", Self.image(Self.uri(TestPictures.png(width: 32, height: 32, 0, 0, 0)))),
            (400, "mask", Self.image(good, #","mask":"\#(Self.uri(TestPictures.mask(width: 65, height: 64, whiteColumns: 1)))""#)),
            (400, "mask", Self.image(good, #","mask":["a"]"#)), (400, "mask", Self.image(good, #","mask":"https://127.0.0.1/""#)),
            (400, "strength", Self.image(good, #","strength":1.01"#)), (400, "strength", Self.image(good, #","strength":-1"#)),
            (400, "strength", Self.image(good, #","strength":"0.5""#)),
        ]
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let before = try await api.state()
            for fault in faults {
                let reply = try await api.submit(fault.body, key: tenant.keyText)
                #expect(reply.status == fault.status, "\(fault.body.prefix(200)): \(reply.text)")
                let error = try reply.error()
                #expect(error["param"] as? String == fault.param, "\(reply.text)")
                let message = try #require(error["message"] as? String)
                #expect(message.contains(fault.param) && message.utf8.count < 300)
            }
            #expect(try await api.state() == before)
            let poor = try await Tenant.make(api.database, name: "poor", credits: "0")
            #expect(try await api.submit(Self.image(good), key: poor.keyText).status == 402)
            #expect(kept(api) == [])
        }
    }

    // MARK: large bodies

    private func request(_ bytes: Int, says length: Int?) -> Request {
        var head = HTTPRequest(method: .post, scheme: "http", authority: "test", path: "/")
        head.headerFields[.contentLength] = length.map(String.init)
        return Request(head: head, body: RequestBody(buffer: ByteBuffer(repeating: 32, count: bytes)))
    }

    private func failure(_ action: () async throws -> Void) async -> APIError? {
        do { try await action() } catch { return error as? APIError }
        return nil
    }

    @Test(arguments: [nil, 100_000] as [Int?]) func onlySomeLargeBodiesAreInMemory(length: Int?) async throws {
        let bodies = PictureBodies(countMax: 1)
        let read = try await bodies.read(request(100_000, says: length)) { body in
            let refusal = await failure { try await bodies.read(request(100_000, says: length)) { _ in } }
            #expect(refusal?.status == .serviceUnavailable && refusal?.retryAfterSeconds == 2)
            // A small one is read all the same.
            let small = try await bodies.read(request(5000, says: 5000)) { $0.readableBytes }
            #expect(small == 5000)
            return body.readableBytes
        }
        #expect(read == 100_000)
        // The place is free again, also after an error.
        _ = await failure { try await bodies.read(request(100_000, says: length)) { _ in throw APIError.unforeseen } }
        #expect(try await bodies.read(request(100_000, says: length)) { $0.readableBytes } == 100_000)
    }

    @Test func aBodyThatIsLargerThanItSaysIsRefused() async throws {
        let bodies = PictureBodies()
        let most = Limits.inputBodyBytesMax
        for (bytes, length) in [(0, most + 1), (most + 1, nil), (most + 1, 100_000), (100_000, 5000)] as [(Int, Int?)] {
            let refusal = await failure { try await bodies.read(request(bytes, says: length)) { _ in } }
            #expect(refusal?.status == .contentTooLarge || length == 5000)
        }
    }
}
