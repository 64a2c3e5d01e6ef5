import Crypto
import Domain
import Foundation
import Mustache

/// The page for people, made from the document for programs. It holds all that it needs: no scripts, fonts or pictures.
struct DocsPage {
    private static let style = String(decoding: PackageResources.docs_css, as: UTF8.self)

    private let page: MustacheTemplate
    /// The contents, which the page shows in one place or another, as there is room.
    private let contents: MustacheTemplate

    init() throws {
        page = try MustacheTemplate(string: String(decoding: PackageResources.docs_mustache, as: UTF8.self))
        contents = try MustacheTemplate(string: String(decoding: PackageResources.docs_contents_mustache, as: UTF8.self))
    }

    /// Nothing but the page's own style is permitted, so that nothing in it could do harm.
    var policy: String {
        let hash = Data(SHA256.hash(data: Data(Self.style.utf8))).base64EncodedString()
        return ["default-src 'none'", "style-src 'sha256-\(hash)'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]
            .joined(separator: "; ")
    }

    /// The page as HTML.
    func render(_ document: OpenAPIDocument) -> String {
        let sections = (document.root["tags"]?.elements ?? []).map { DocsSection(document, tag: $0).context }
        return page.render([
            "style": Self.style, "contents": contents.render(["sections": sections]),
            "title": document.root["info"]?["title"]?.string ?? "",
            "summary": document.root["info"]?["summary"]?.string ?? "",
            "description": DocsText.html(document.root["info"]?["description"]?.string ?? ""),
            "server": document.root["servers"]?.elements.first?["url"]?.string ?? "", "sections": sections,
            "promptMax": Self.grouped(Limits.promptCharactersMax),
            "bodyKiB": String(Limits.bodyBytesMax / 1024), "pictureBodyMiB": String(Limits.inputBodyBytesMax / 1024 / 1024),
            "pictureMiB": String(Limits.inputFileBytesMax / 1024 / 1024), "linkHours": String(Limits.linkSeconds / 3600),
            "sides": DocsText.range(Limits.sidePixels), "inputSides": DocsText.range(Limits.inputSidePixels),
            "keyMax": String(Limits.idempotencyKeyCharactersMax),
        ] as [String: Any])
    }

    private static func grouped(_ number: Int) -> String { number.formatted(.number.locale(Locale(identifier: "en_US"))) }
}

/// Texts of the document as HTML.
enum DocsText {
    /// Letters that mean something in HTML are written as names; what stands between backticks is code.
    static func html(_ text: String) -> String {
        escaped(text).replacing(/`([^`]+)`/) { "<code>\($0.output.1)</code>" }
    }

    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }

    static func range(_ range: ClosedRange<Int>) -> String { "\(range.lowerBound) to \(range.upperBound)" }
}
