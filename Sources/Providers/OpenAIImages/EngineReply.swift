import Curl
import Foundation

/// What an engine says, whichever way it says it.
enum EngineReply {
    /// The picture itself; seconds of work, rounded up, where it tells.
    case picture([UInt8], seconds: Int?)
    /// Where the picture is.
    case link(String, seconds: Int?)
    /// What went wrong, after it had begun to answer.
    case complaint(EngineObject)
    /// The answer ended before the picture came.
    case cut
    /// An answer without a picture in it; what is wrong with it.
    case unreadable(String)

    /// Reads the answer to a submit whose status says success.
    init(_ response: TransferResponse) {
        let isStream = response.header("content-type")?.lowercased().hasPrefix("text/event-stream") == true
        if response.body.isEmpty {
            self = .cut
        } else if isStream {
            self = Self.streamed(EngineEvents.objects(response.body))
        } else if let object = EngineObject(response.body) {
            self = Self.whole(object)
        } else {
            self = .unreadable("its answer is no JSON")
        }
    }

    private static func streamed(_ events: [EngineObject]) -> EngineReply {
        for event in events.reversed() {
            let type = event.text("type") ?? ""
            if type.hasSuffix(".completed") { return picture(event, seconds: seconds(event)) }
            if type == "error" || event.has("error") { return .complaint(event) }
        }
        return .cut
    }

    private static func whole(_ object: EngineObject) -> EngineReply {
        if let first = object.objects("data")?.first { return picture(first, seconds: seconds(object)) }
        // Only the API of AUTOMATIC1111 has it.
        if let first = object.texts("images")?.first { return picture(base64: first, seconds: nil) }
        return object.has("error") ? .complaint(object) : .unreadable("its answer has no picture")
    }

    private static func picture(_ object: EngineObject, seconds: Int?) -> EngineReply {
        guard let text = object.text("b64_json") else {
            return object.text("url").map { .link($0, seconds: seconds) } ?? .unreadable("its answer has no picture")
        }
        return picture(base64: text, seconds: seconds)
    }

    private static func picture(base64 text: String, seconds: Int?) -> EngineReply {
        var digits = text.utf8[...]
        if digits.starts(with: "data:".utf8), let comma = digits.firstIndex(of: UInt8(ascii: ",")) {
            digits = digits[digits.index(after: comma)...]
        }
        guard let data = Data(base64Encoded: Data(digits), options: .ignoreUnknownCharacters), !data.isEmpty else {
            return .unreadable("its picture is no base64")
        }
        return .picture(Array(data), seconds: seconds)
    }

    /// `seconds` is ours, `inference_time_s` is SGLang's. A day is more than any picture takes.
    private static func seconds(_ object: EngineObject) -> Int? {
        guard let seconds = object.number("seconds") ?? object.number("inference_time_s"), (0...86_400).contains(seconds)
        else { return nil }
        return Int(seconds.rounded(.up))
    }
}
