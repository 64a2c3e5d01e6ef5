import Domain
import Foundation

/// What is sent to an engine for one picture.
struct EngineRequest {
    let path: String
    let headers: [(name: String, value: String)]
    let body: [UInt8]

    /// - Parameters:
    ///   - prompt: without what the engine would read as a command.
    ///   - canvas: the size to ask for.
    ///   - inputs: the pictures to start from, in that size.
    init(_ job: ProviderJob, row: EngineRow, prompt: String, canvas: ImageSize, inputs: EngineInputs?) {
        let source = EngineFieldSource(job: job, row: row, prompt: prompt, canvas: canvas, inputs: inputs)
        let accept = row.generate.contains(.stream) ? "text/event-stream, application/json" : "application/json"
        path = inputs == nil ? row.api.generatePath : row.api.editPath
        if inputs == nil || row.api == .sdapi {
            let fields = inputs == nil ? row.generate : row.edit
            headers = [("accept", accept), ("content-type", "application/json")]
            body = JSON.object(fields.compactMap { field in source.value(field).map { (field.rawValue, $0) } }).bytes
        } else {
            var form = MultipartBody()
            for field in row.edit {
                if let file = source.file(field) {
                    form.add(field.rawValue, file: file)
                } else if let value = source.value(field) {
                    form.add(field.rawValue, text: Self.text(value))
                }
            }
            headers = [("accept", accept), ("content-type", form.contentType)]
            body = form.closed()
        }
    }

    /// In a form there are no quotation marks around a text.
    private static func text(_ value: JSON) -> String {
        if case .string(let text) = value { return text }
        return value.text
    }
}

/// Where the values of the fields come from.
private struct EngineFieldSource {
    let job: ProviderJob
    let row: EngineRow
    let prompt: String
    let canvas: ImageSize
    let inputs: EngineInputs?

    func file(_ field: EngineField) -> [UInt8]? {
        switch field {
        case .image: inputs?.image
        case .mask: inputs?.mask
        default: nil
        }
    }

    /// Nil for what this job has not.
    func value(_ field: EngineField) -> JSON? {
        switch field {
        case .image: nil
        case .mask: inputs?.mask.map(Self.base64)
        case .initImages: inputs.map { .array([Self.base64($0.image)]) }
        case .model: job.model.isEmpty ? nil : .string(job.model)
        case .prompt: .string(prompt)
        case .count: .int(1)
        case .size: .string("\(canvas.width)x\(canvas.height)")
        case .seed: .int(job.image.seed)
        case .strength, .denoising: inputs.map { .raw("\($0.strength)") }
        case .steps, .plainSteps: .int(Int64(row.steps))
        // The model was made to be run without guidance; above 0 each step would take twice as long.
        case .guidance: .raw("0.0")
        case .responseFormat: .string("b64_json")
        // Without loss: the picture is cropped here and encoded once more, in the format that the customer wants.
        case .outputFormat: .string(ImageFormat.png.rawValue)
        case .stream: .bool(true)
        case .width: .int(Int64(canvas.width))
        case .height: .int(Int64(canvas.height))
        // Without guidance, in the words of that API.
        case .cfgScale, .batchSize: .int(1)
        // What is there already.
        case .maskedFill: inputs?.mask.map { _ in .int(1) }
        case .maskedAreaAlone: inputs?.mask.map { _ in .bool(false) }
        }
    }

    /// Base64 needs no escapes, and there may be megabytes of it.
    private static func base64(_ file: [UInt8]) -> JSON { .raw("\"\(Data(file).base64EncodedString())\"") }
}

/// A body of `multipart/form-data` (RFC 7578).
struct MultipartBody {
    private let boundary = "form-\(UUID().uuidString)"
    private var bytes: [UInt8] = []

    var contentType: String { "multipart/form-data; boundary=\(boundary)" }

    /// Adds a PNG file.
    mutating func add(_ name: String, file: [UInt8]) {
        open("name=\"\(name)\"; filename=\"\(name).png\"\r\nContent-Type: image/png")
        bytes += file
        bytes += "\r\n".utf8
    }

    mutating func add(_ name: String, text: String) {
        open("name=\"\(name)\"")
        bytes += text.utf8
        bytes += "\r\n".utf8
    }

    /// The whole body.
    func closed() -> [UInt8] { bytes + "--\(boundary)--\r\n".utf8 }

    private mutating func open(_ head: String) {
        bytes += "--\(boundary)\r\nContent-Disposition: form-data; \(head)\r\n\r\n".utf8
    }
}
