public import Domain
import Vips

/// Takes the pictures of a request when it is submitted, before anything is reserved: names are checked, and what was sent
/// is decoded to its end and kept in the store.
///
/// What is kept belongs to nobody until a task with its path is admitted. Whoever gets no task for it gives it back with
/// ``discard(_:)``; what a crash leaves is found by the sweeper.
public struct InputIntake: Sendable {
    private let store: any ImageStore
    private let egress: EgressRule
    private let nowSeconds: @Sendable () -> Int64

    /// - Parameters:
    ///   - store: where sent pictures are kept.
    ///   - egress: the addresses that may be named.
    ///   - nowSeconds: seconds since 1970, for the paths.
    public init(store: any ImageStore, egress: EgressRule, nowSeconds: @escaping @Sendable () -> Int64) {
        self.store = store
        self.egress = egress
        self.nowSeconds = nowSeconds
    }

    /// The inputs of a request that names its pictures by URL or sends them as data URIs; nil when there are none.
    ///
    /// Throws ``InputError`` for what the customer has to change, and the store's own error when it fails.
    public func checked(image: String?, mask: String?, strength: Double?) async throws -> ImageInputs? {
        guard let image else {
            guard mask == nil else { throw InputError(.malformed, .mask, "A mask needs a picture. Send image_url as well.") }
            guard strength == nil else {
                throw InputError(.malformed, .strength, "It counts for pictures only. Send image_url as well, or leave it out.")
            }
            return nil
        }
        let picture = try named(image, .image)
        let maskPicture = try mask.map { (text) throws(InputError) in try named(text, .mask) }
        return try await kept(picture, maskPicture, strength: Self.checked(strength)).inputs
    }

    /// A picture of a request that may send files.
    public enum Given: Sendable {
        /// The file itself.
        case file([UInt8])
        /// An https URL or a data URI.
        case named(String)
    }

    /// The inputs of a request in the OpenAI dialect's convention: the transparent pixels of the mask are the ones to edit.
    /// The size is that of the picture, nil when it is only named. Throws as ``checked(image:mask:strength:)``.
    public func checked(
        image: Given, transparencyMask: Given?, strength: Double?
    ) async throws -> (inputs: ImageInputs, imageSize: ImageSize?) {
        let strength = try Self.checked(strength)
        let image: Named =
            switch image {
            case .file(let bytes): .sent(bytes)
            case .named(let text): try named(text, .image)
            }
        var mask: Named?
        switch transparencyMask {
        case nil: break
        case .file(let bytes): mask = .sent(try await Self.white(bytes))
        case .named(let text):
            // A mask in that convention becomes one in ours now; what is fetched later is taken as ours.
            guard DataURI.isMeant(by: text) else {
                throw InputError(.malformed, .mask, "It must be a file or a data URI, not a URL. Send the mask itself.")
            }
            mask = .sent(try await Self.white(try DataURI.bytes(text, .mask)))
        }
        return try await kept(image, mask, strength: strength)
    }

    private static func white(_ mask: [UInt8]) async throws -> [UInt8] {
        try await PictureWork.run { try InputMask.fromTransparency(mask).bytes }
    }

    /// Removes what was kept for a request that became no task. A failure is the sweeper's.
    public func discard(_ inputs: ImageInputs) async {
        for path in inputs.storedPaths.compactMap({ ImagePath($0) }) { try? await store.delete(path) }
    }

    private enum Named {
        case url(CustomerURL)
        case sent([UInt8])
    }

    private func named(_ text: String, _ field: InputField) throws(InputError) -> Named {
        if DataURI.isMeant(by: text) { return .sent(try DataURI.bytes(text, field)) }
        do throws(CustomerURLError) { return .url(try CustomerURL(text, egress: egress)) } catch {
            guard error == .notHTTPS else { throw InputError(.unreachable, field, error.description) }
            throw InputError(
                .malformed, field, "It must be an https:// URL or a data URI such as data:image/png;base64,...")
        }
    }

    private static func checked(_ strength: Double?) throws(InputError) -> Double? {
        guard let strength else { return nil }
        guard ImageInputs.strengths.contains(strength) else {
            throw InputError(.malformed, .strength, "It must be a number from 0 to 1.")
        }
        // A negative zero is stored as a zero.
        return strength == 0 ? 0 : strength
    }

    /// Nothing is kept before everything was checked.
    private func kept(_ image: Named, _ mask: Named?, strength: Double?) async throws -> (inputs: ImageInputs, imageSize: ImageSize?) {
        let imageFile = try await file(image, .image)
        var maskFile: InputFile?
        if let mask { maskFile = try await file(mask, .mask) }
        if let imageFile, let maskFile { try InputPreparation.requireSameSize(imageFile.size, maskFile.size) }
        var inputs = ImageInputs(image: try await picture(image, imageFile), strength: strength)
        guard let mask else { return (inputs, imageFile?.size) }
        do { inputs.mask = try await picture(mask, maskFile) } catch {
            await discard(inputs)
            throw error
        }
        inputs.strength = strength ?? ImageInputs.standardStrength(hasMask: true)
        return (inputs, imageFile?.size)
    }

    private func file(_ named: Named, _ field: InputField) async throws -> InputFile? {
        guard case .sent(let bytes) = named else { return nil }
        return try await PictureWork.run { try InputFile(bytes, field) }
    }

    private func picture(_ named: Named, _ file: InputFile?) async throws -> InputPicture {
        switch (named, file) {
        case (.url(let url), _): return .url(url.text)
        case (.sent, let file?):
            let path = ImagePath(inputAtSeconds: nowSeconds(), format: file.format)
            try await store.put(file.bytes, at: path)
            return .stored(path.text)
        case (.sent, nil): preconditionFailure("what was sent has been decoded")
        }
    }
}
