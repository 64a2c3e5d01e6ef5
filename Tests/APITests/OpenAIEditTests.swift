import Domain
import Foundation
import HTTPTypes
import Images
import Queue
import TestSupport
import Testing

/// Edits: pictures as files and in JSON, and the mask whose transparent pixels are the ones to edit.
@Suite(.timeLimit(.minutes(5))) struct OpenAIEditTests {
    private static let prompt = [("prompt", "a dog")]

    @Test(arguments: ["image", "image[]"]) func aFormWithAPicture(name: String) async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let made = try await api.madePicture()
            let fields = Self.prompt + [
                ("response_format", "b64_json"), ("n", "1"), ("seed", "9"), ("strength", "0.5"), ("stream", "false"),
            ]
            let reply = try await api.whileEnding({ _ in made.outcome }) {
                try await api.edit(fields, [(name, OpenAI.picture)], tenant)
            }
            #expect(reply.status == 200, "\(reply.text)")
            let data = try #require(try reply.json()["data"] as? [[String: String]])
            #expect(data == [["b64_json": "AQID"]])
            let columns = "operation::text, request->>'seed', request->'inputs'->>'strength', request->>'width', request->>'height'"
            // Nobody said a size: the ratio that is nearest to the picture's.
            #expect(try await api.storedRequest(columns) == ["edit", "9", "0.5", "832", "1248"])
            let stored = try await api.storedRequest("request->'inputs'->'image'->>'stored'")
            #expect(try await api.store.read(#require(ImagePath(stored[0] ?? ""))) == OpenAI.picture)
        }
    }

    @Test func aStreamOfAnEdit() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let made = try await api.madePicture()
            let reply = try await api.whileEnding({ _ in made.outcome }) {
                try await api.edit(Self.prompt + [("stream", "true"), ("size", "512x512")], [("image", OpenAI.picture)], tenant)
            }
            #expect(reply.text.contains("event: image_edit.completed\ndata: {\"type\":\"image_edit.completed\","))
            #expect(try await api.storedRequest("request->>'width', request->>'height'") == ["512", "512"])
        }
    }

    /// Transparent here is white in our own convention, and is repainted.
    @Test(arguments: [true, false]) func aMaskIsTurnedIntoOurs(isForm: Bool) async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let made = try await api.madePicture()
            let reply = try await api.whileEnding({ _ in made.outcome }) {
                if isForm { return try await api.edit(Self.prompt, [("image", OpenAI.picture), ("mask", OpenAI.mask)], tenant) }
                let (picture, mask) = (OpenAI.dataURI(OpenAI.picture), OpenAI.dataURI(OpenAI.mask))
                let body = OpenAI.body(#","images":[{"image_url":"\#(picture)"}],"mask":{"image_url":"\#(mask)"}"#)
                return try await api.send(.post, OpenAI.edits, key: tenant.keyText, body: Array(body.utf8))
            }
            #expect(reply.status == 200, "\(reply.text)")
            let stored = try await api.storedRequest("request->'inputs'->'mask'->>'stored', operation::text")
            #expect(stored[1] == "inpaint")
            let mask = try await api.store.read(#require(ImagePath(stored[0] ?? "")))
            #expect(mask != OpenAI.mask && !mask.isEmpty)
        }
    }

    @Test func aPictureByURLIsFetchedLater() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let made = try await api.madePicture()
            let reply = try await api.whileEnding({ _ in made.outcome }) {
                let body = OpenAI.body(#","image":"https://example.com/a.png""#)
                return try await api.send(.post, OpenAI.edits, key: tenant.keyText, body: Array(body.utf8))
            }
            #expect(reply.status == 200, "\(reply.text)")
            let columns = "request->'inputs'->'image'->>'url', request->>'width', request->>'height'"
            #expect(try await api.storedRequest(columns) == ["https://example.com/a.png", "1024", "1024"])
        }
    }

    @Test func aRepeatedEditIsTheSameTaskOnlyWithTheSamePicture() async throws {
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let made = try await api.madePicture()
            let first = try await api.whileEnding({ _ in made.outcome }) {
                try await api.edit(Self.prompt, [("image", OpenAI.picture)], tenant, idempotencyKey: "k")
            }
            let second = try await api.edit(Self.prompt, [("image", OpenAI.picture)], tenant, idempotencyKey: "k")
            #expect(second.bytes == first.bytes)
            let other = try await api.edit(Self.prompt, [("image", OpenAI.mask)], tenant, idempotencyKey: "k")
            #expect(other.status == 422)
            #expect(try await api.database.number("select count(*) from tasks") == 1)
        }
    }

    private struct Refused: Sendable {
        var fields = OpenAIEditTests.prompt
        var files = [("image", OpenAI.picture)]
        var status = 400
        let param: String

        /// A form with one more field.
        static func field(_ name: String, _ value: String, status: Int = 400) -> Refused {
            Refused(fields: OpenAIEditTests.prompt + [(name, value)], status: status, param: name)
        }

        /// A form with this picture alone.
        static func image(_ bytes: [UInt8], status: Int = 400) -> Refused {
            Refused(files: [("image", bytes)], status: status, param: "image")
        }

        /// A form with one more file.
        static func file(_ name: String, _ bytes: [UInt8], param: String) -> Refused {
            Refused(files: [("image", OpenAI.picture), (name, bytes)], param: param)
        }
    }

    private static func refusedForms() -> [Refused] {
        let small = TestPictures.png(width: 32, height: 64, 1, 2, 3)
        let otherSize = TestPictures.png(width: 64, height: 64, bands: 4, [UInt8](repeating: 0, count: 64 * 64 * 4))
        return [
            Refused(files: [], param: "image"), Refused(fields: [], param: "prompt"), Refused(fields: prompt + prompt, param: "prompt"),
            .file("image", OpenAI.picture, param: "image"), .file("image[]", OpenAI.picture, param: "image"),
            .image([]), .image(Array("GIF89a".utf8)), .image(Array(OpenAI.picture.prefix(400))), .image(small),
            .image(TestPictures.bomb(width: 60000, height: 60000)),
            .image([UInt8](repeating: 0, count: Limits.inputFileBytesMax + 1), status: 413),
            .file("mask", OpenAI.opaqueMask, param: "mask"), .file("mask", otherSize, param: "mask"), .file("mask", [1], param: "mask"),
            .file("markup", [1], param: "markup"), .file("user", [0xff], param: "user"),
            .field("n", "5"), .field("n", "one"), .field("stream", "yes"), .field("seed", "0"), .field("strength", "2"),
            .field("strength", "nan"), .field("background", "transparent"), .field("model", "dall-e-2", status: 404),
        ]
    }

    @Test func refusedEdits() async throws {
        let table = Self.refusedForms()
        let uri = OpenAI.dataURI(OpenAI.picture)
        let bodies: [(body: String, param: String?)] = [
            (OpenAI.body(), "image"), (OpenAI.body(#","images":[]"#), "image"), (OpenAI.body(#","images":["\#(uri)","\#(uri)"]"#), "image"),
            (OpenAI.body(#","images":[{"file_id":"f"}]"#), "images"), (OpenAI.body(#","image":7"#), "image"),
            (OpenAI.body(#","image":"http://example.com/a.png""#), "image"), (OpenAI.body(#","image":"https://127.0.0.1/a.png""#), "image"),
            (OpenAI.body(#","image":"data:image/png;base64,????""#), "image"),
            (OpenAI.body(#","image":"\#(uri)","mask":"https://example.com/m.png""#), "mask"),
            (OpenAI.body(#","image":"\#(uri)","mask":{"url":"x"}"#), "mask"),
        ]
        try await withAPI { api in
            let tenant = try await Tenant.make(api.database)
            let before = try await api.state()
            for (index, row) in table.enumerated() {
                let reply = try await api.edit(row.fields, row.files, tenant)
                #expect(reply.status == row.status, "row \(index): \(reply.text)")
                #expect(try reply.error()["param"] as? String == row.param, "row \(index): \(reply.text)")
            }
            for (body, param) in bodies {
                let reply = try await api.send(.post, OpenAI.edits, key: tenant.keyText, body: Array(body.utf8))
                #expect(reply.status == 400, "\(body.prefix(200)): \(reply.text)")
                #expect(try reply.error()["param"] as? String == param, "\(body.prefix(200)): \(reply.text)")
            }
            for type in ["multipart/form-data", "multipart/form-data; boundary=other"] {
                let body = OpenAI.form(Self.prompt, [("image", OpenAI.picture)])
                let reply = try await api.send(.post, OpenAI.edits, key: tenant.keyText, body: body, headers: ["Content-Type": type])
                #expect(reply.status == 400)
            }
            #expect(try await api.state() == before, "something was changed")
            let kept = try? FileManager.default.subpathsOfDirectory(atPath: api.folder).filter { $0.hasSuffix(".png") }
            #expect(kept ?? [] == [], "a refused request leaves no pictures behind")
        }
    }
}
