import Domain
import HTTPTypes
import Images
import TestSupport
import Testing

/// Links to pictures: no key, but a signature and a day.
@Suite(.timeLimit(.minutes(5))) struct ImageLinkTests {
    private static let base = "https://images.test"

    private func withLink(
        _ test: @escaping @Sendable (APIFixture, _ path: ImagePath, _ link: String) async throws -> Void
    ) async throws {
        try await withAPI { api in
            let path = ImagePath(atSeconds: api.clock.now, lease: 7, index: 0, format: .png)
            try await api.store.put([9, 8, 7], at: path)
            let link = api.links.link(to: path, expiresSeconds: api.clock.now + 60)
            try await test(api, path, String(link.dropFirst(Self.base.count)))
        }
    }

    @Test func aLinkOpensItsPicture() async throws {
        try await withLink { api, _, link in
            let reply = try await api.send(.get, link)
            #expect(reply.status == 200)
            #expect(reply.bytes == [9, 8, 7])
            #expect(reply.header("content-type") == "image/png")
            #expect(reply.header("x-content-type-options") == "nosniff")
            #expect(reply.header("cache-control") == "private, max-age=86400, immutable")
            #expect(reply.header("x-request-id")?.isEmpty == false)
        }
    }

    @Test func aChangedLinkOpensNothing() async throws {
        try await withLink { api, path, link in
            let expires = "\(api.clock.now + 60)"
            let other = ImagePath(atSeconds: api.clock.now, lease: 8, index: 0, format: .png)
            try await api.store.put([1], at: other)
            let changed = [
                link.replacing("expires=\(expires)", with: "expires=\(api.clock.now + 61)"),
                link.replacing(path.text, with: other.text), String(link.dropLast()), link + "A",
                link.replacing(".png", with: ".webp"), "/images/\(path.text)", "/images/\(path.text)?expires=\(expires)",
                link.replacing("signature=", with: "signature=A"), link.replacing("expires=", with: "expires=-"),
                link.replacing(path.text, with: "..%2F..%2Fsecret"), link.replacing(path.text, with: "%2e%2e/secret"),
                link.replacing("/7-0", with: "/07-0"), link.replacing("/7-0", with: "/7-00"),
            ]
            for link in changed {
                let reply = try await api.send(.get, link)
                #expect(reply.status == 403 || reply.status == 404, "\(link): \(reply.status)")
                #expect(try reply.error()["request_id"] as? String == reply.header("x-request-id"))
            }
            let forged = try await api.send(.get, changed[0])
            #expect(forged.status == 403)
            #expect(try forged.error()["type"] as? String == "permission_error")
        }
    }

    @Test func aLinkEndsWithItsDay() async throws {
        try await withLink { api, _, link in
            api.clock.advance(59)
            #expect(try await api.send(.get, link).status == 200)
            api.clock.advance(1)
            let reply = try await api.send(.get, link)
            #expect(reply.status == 410)
            #expect(try reply.error()["code"] as? Int == 410)
            #expect(try reply.error()["type"] as? String == "not_found_error")
        }
    }

    @Test func aSweptPictureIsGone() async throws {
        try await withLink { api, path, link in
            try await api.store.delete(path)
            #expect(try await api.send(.get, link).status == 410)
        }
    }
}
